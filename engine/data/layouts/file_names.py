"""Names of files: `7_jackson_32.wav` is text, speaker and take. Only where no metadata says anything better."""

from __future__ import annotations

import posixpath
import re

from engine.data.endings import AUDIO_ENDINGS, ending
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.metadata import Row, clean_text
from engine.errors import ItemError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_FILE_NAME = re.compile(r"(?P<text>.+)_(?P<speaker>[^_]+)_(?P<take>\d+)")


def find(contents: Contents) -> list[str]:
    """All recordings, if the source has no metadata."""
    if contents.claimed:
        return []
    return sorted(path for path in contents.by_path if ending(path) in AUDIO_ENDINGS)


def read(recordings: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item of each recording whose name can be read."""
    builder.text_source = "names of the files"
    for path in recordings:
        match = _FILE_NAME.fullmatch(posixpath.basename(path).rpartition(".")[0])
        text = _text_of_name(match["text"]) if match else ""
        if match and text:
            builder.take(Row(0, path, text, clean_text(match["speaker"]) or None, None), path, path)
        else:
            builder.set_aside(
                path, ItemError("missing_text", "there is no metadata.csv, and its name is not text_speaker_take")
            )


def _text_of_name(name: str) -> str:
    """`7` is "seven", `4-2` is "four two", `turn-left` and `turn_left` are "turn left"."""
    words = clean_text(re.sub(r"[-_]", " ", name)).split()
    return " ".join(DIGITS[int(word)] if re.fullmatch("[0-9]", word) else word for word in words)
