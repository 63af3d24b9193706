"""Images as a medium: PNG and JPEG files in folders of their classes, or named by a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from engine.data.endings import FileKinds
from engine.data.example import ImageInput
from engine.data.fields import is_path
from engine.data.report import OF_FILES
from engine.data.targets import not_spoken
from engine.media.contract import IntakeSetting, Medium, Preview

if TYPE_CHECKING:
    from engine.data.layouts.registry import LayoutReader
    from engine.media.image.intake import ImageIntake

_LAYOUTS: Final = ("audiofolder", "json", "lists", "label_folders")


def _layouts() -> Sequence[LayoutReader]:
    """Those of recordings that name files, and know nothing of sound."""
    from engine.data.layouts.registry import LAYOUTS

    return [reader for reader in LAYOUTS if reader.kind in _LAYOUTS]


def _intake(setting: IntakeSetting) -> ImageIntake:
    from engine.media.image.intake import ImageIntake

    return ImageIntake(setting)


IMAGE: Final = Medium(
    input=ImageInput,
    fields={"image": is_path},
    noun="image",
    cost_unit="pixels",
    amount=lambda given: 1.0,
    unit="images",
    shown_amount=lambda images: f"{images:,.0f} images",
    preview=lambda given: Preview(),
    files=FileKinds(
        ("png", "jpg", "jpeg"),
        frozenset(("avif", "bmp", "gif", "heic", "ico", "jp2", "jxl", "psd", "svg", "tga", "tif", "tiff", "webp")),
    ),
    stored=("images/[0-9]*.png", "images/[0-9]*.jpg"),
    given={
        "text": "image files and a metadata.csv (columns file_name, text)",
        "label": "image files in folders of their classes (dog/1.png), or with a metadata.csv (columns file_name, label)",
        "caption": "image files and a metadata.csv (columns file_name, caption)",
    },
    layouts=_layouts,
    intake=_intake,
    codes=OF_FILES,
    actions={
        "bad_caption": "write one or a few sentences that describe the image",
        "corrupt": "export or copy the file again as PNG or JPEG",
        "empty_file": "copy the file again",
        "missing_text": "give its text in metadata.csv (columns file_name, text), or remove the file",
        "nested_archive": "unpack it, and put the images themselves into the dataset",
        "too_large": "make it smaller",
        "too_long": "shorten it",
        "truncated": "copy or export the file again",
        "unsupported_format": "convert it to PNG or JPEG",
    },
    target=not_spoken,
)
