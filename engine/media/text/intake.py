"""Take texts into a dataset version: they are checked like transcripts, apart from what belongs to speech alone."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from engine.data.example import TextInput
from engine.data.layout import Item
from engine.data.text_encoding import UnclearEncodingError, decode
from engine.data.validation import characters
from engine.data.validation.dataset_texts import DatasetTexts
from engine.data.validation.personal_data import find_personal_data
from engine.data.validation.statistics import Spread
from engine.errors import ItemError
from engine.media.contract import Examined, IntakeSetting
from engine.media.exact import Content, ExactIntake, examined

MOST_CHARACTERS: Final = 100_000
"""Longest text. Models read less: what does not fit one is left out of its run, by name."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The handle of a text that stands in a table."""

    text: str


class TextIntake(ExactIntake[str]):
    """Takes the texts of one ingestion."""

    def __init__(self, setting: IntakeSetting) -> None:
        super().__init__(
            setting, TextInput.medium, Spread("length", "characters", np.geomspace(1, MOST_CHARACTERS, 41).tolist())
        )

    @contextmanager
    def open(
        self, item: Item, accepted: Collection[str], texts: DatasetTexts
    ) -> Iterator[Callable[[], Examined[Content[str]]]]:
        """Read a text from its file or its table; gives a function that examines it."""
        text = item.entry.handle.text if isinstance(item.entry.handle, Cell) else self._decoded(item)
        yield partial(examined, item, partial(read_text, text), accepted, texts, self.setting.target)

    def _decoded(self, item: Item) -> str:
        with self.setting.source.open(item.entry, 4 * MOST_CHARACTERS) as file:
            data = file.read()
        try:
            return decode(item.entry.path, data).text
        except UnclearEncodingError as error:
            raise ItemError("unreadable_text", f"{error}; allowed: UTF-8") from error

    def store(self, number: int, content: Content[str]) -> TextInput:
        """Nothing is written: the text stands in the manifest."""
        return TextInput(content.data)


def read_text(text: str, found: Examined[Content[str]]) -> Content[str]:
    """The text as the manifest has it: composed, without invisible characters, its lines as they are.

    Raises:
        ItemError: it says nothing, or is too long.
    """
    lines = unicodedata.normalize("NFC", text).replace("\t", " ").strip().splitlines()
    text = "\n".join("".join(each for each in line if each not in characters.REMOVED) for line in lines)
    if len(text) > MOST_CHARACTERS:
        raise ItemError("too_long", f"it has {len(text):,} characters; allowed: at most {MOST_CHARACTERS:,}")
    if characters.says_nothing(text):
        raise ItemError("missing_text", "it has no letter and no digit")
    if reason := next(filter(None, map(characters.unreadable, lines)), None):
        found.add_fault(ItemError("unreadable_text", reason))
    if reason := next(filter(None, map(characters.invisible, lines)), None):
        found.doubts.append(("invisible_characters", reason))
    if reason := next(filter(None, map(characters.entity, lines)), None):
        found.doubts.append(("html", reason))
    if personal := find_personal_data(text):
        reason = f"it has {personal.kind} ({personal.shown}); allowed: none"
        if personal.certainty == "certain":
            found.add_fault(ItemError("personal_data", reason))
        else:
            found.doubts.append(("possible_personal_data", reason))
    said = " ".join(text.split())
    return Content(text, hashlib.blake2b(said.encode(), digest_size=16).digest(), float(len(text)), "")
