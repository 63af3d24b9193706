"""Take images into a dataset version: each is decoded once, checked, and stored as the file that it is."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from engine.data.example import ImageInput
from engine.data.layout import Item
from engine.data.limits import MIB
from engine.data.validation.dataset_texts import DatasetTexts
from engine.data.validation.statistics import Spread
from engine.errors import ItemError
from engine.media.contract import Examined, IntakeSetting
from engine.media.exact import Content, ExactIntake, examined

_MOST_BYTES: Final = 64 * MIB
_MOST_PIXELS: Final = 50_000_000  # decoded, a pixel takes up to 4 bytes
_ENDINGS: Final = {"PNG": "png", "JPEG": "jpg"}


class ImageIntake(ExactIntake[bytes]):
    """Takes the images of one ingestion."""

    def __init__(self, setting: IntakeSetting) -> None:
        super().__init__(
            setting, ImageInput.medium, Spread("size", "pixels", np.geomspace(16, _MOST_PIXELS, 41).tolist())
        )
        self._names: list[str] = []

    @contextmanager
    def open(
        self, item: Item, accepted: Collection[str], texts: DatasetTexts
    ) -> Iterator[Callable[[], Examined[Content[bytes]]]]:
        """Read the file of an image; gives a function that decodes and examines it."""
        with self.setting.source.open(item.entry, _MOST_BYTES) as file:
            data = file.read()
        yield partial(examined, item, lambda _: read_image(data), accepted, texts, self.setting.target)

    def store(self, number: int, content: Content[bytes]) -> ImageInput:
        """Write the file."""
        name = f"images/{number:06d}.{_ENDINGS[content.format]}"
        path = self.setting.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._names.append(name)
        path.write_bytes(content.data)
        return ImageInput(name)

    def discard(self) -> None:
        """Remove every file."""
        for name in self._names:
            (self.setting.folder / name).unlink(missing_ok=True)
        self._names.clear()


def read_image(data: bytes) -> Content[bytes]:
    """Decode an image.

    Raises:
        ItemError: it is empty, in another format, too large, cut short or damaged.
    """
    if not data:
        raise ItemError("empty_file", "it has no bytes")
    try:
        with Image.open(io.BytesIO(data)) as image:
            found = image.format or "an unknown format"
            if found not in _ENDINGS:
                raise ItemError("unsupported_format", f"found {found}; allowed: {', '.join(_ENDINGS)}")
            pixels = image.width * image.height
            if pixels > _MOST_PIXELS:
                raise _too_large(f"{image.width} x {image.height} pixels")
            shown = f"{image.mode} {image.size}".encode() + image.tobytes()  # decodes it
    except UnidentifiedImageError as error:
        raise ItemError("unsupported_format", f"it is no image; allowed: {', '.join(_ENDINGS)}") from error
    except Image.DecompressionBombError as error:
        raise _too_large("too many pixels to decode") from error
    except (OSError, SyntaxError, ValueError) as error:  # how Pillow reports damage
        code = "truncated" if "truncated" in str(error) else "corrupt"
        raise ItemError(code, f"it cannot be decoded: {error}") from error
    return Content(data, hashlib.blake2b(shown, digest_size=16).digest(), float(pixels), found)


def _too_large(found: str) -> ItemError:
    return ItemError("too_large", f"found {found}; allowed: at most {_MOST_PIXELS:,} pixels")
