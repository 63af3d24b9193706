"""Text as a medium: rows of tables with a column of inputs, and text files in folders of their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from engine.data.endings import FileKinds
from engine.data.example import TextInput
from engine.data.fields import is_text
from engine.data.report import OF_FILES
from engine.data.targets import not_spoken
from engine.media.contract import IntakeSetting, Medium, Preview

if TYPE_CHECKING:
    from engine.data.layouts.registry import LayoutReader
    from engine.media.text.intake import TextIntake

_SHOWN: Final = 200  # characters of a preview


def _layouts() -> Sequence[LayoutReader]:
    from engine.data.layouts.registry import LayoutReader
    from engine.media.text import folders, rows

    return (
        LayoutReader("rows", rows.find, rows.read, ("text", "label")),
        LayoutReader("label_folders", folders.find, folders.read, ("label",)),
    )


def _intake(setting: IntakeSetting) -> TextIntake:
    from engine.media.text.intake import TextIntake

    return TextIntake(setting)


TEXT: Final = Medium(
    input=TextInput,
    fields={"text": is_text},
    noun="text",
    cost_unit="tokens",
    amount=lambda given: float(len(given.text)),
    unit="characters",
    shown_amount=lambda characters: f"{characters:,.0f} characters",
    preview=lambda given: Preview(text=given.text if len(given.text) <= _SHOWN else f"{given.text[:_SHOWN]}..."),
    files=FileKinds(("txt",)),
    stored=(),
    given={
        "text": "a table (CSV, TSV, JSON lines, Parquet) with columns of inputs and answers (text and answer, question "
        "and answer)",
        "label": "a table (CSV, TSV, JSON lines, Parquet) with columns text and label, or with .txt files in folders of "
        "their classes (spam/1.txt)",
        "caption": "texts; captions of texts are not read: write them as answers of a table",
    },
    layouts=_layouts,
    intake=_intake,
    codes=OF_FILES,
    actions={
        "corrupt": "write the table again",
        "empty_file": "write its text, or remove the file",
        "missing_label": "write its class into the column of labels, or put the file into the folder of its class",
        "missing_text": "write its text, or remove it",
        "nested_archive": "unpack it, and put the texts themselves into the dataset",
        "too_large": "cut it into shorter texts",
        "too_long": "cut it into shorter texts",
        "truncated": "copy the table again",
    },
    target=not_spoken,
)
