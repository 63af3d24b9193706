"""Texts from file names: `7_jackson_32.wav` is text, speaker and take. Used only if nothing better is in the source.

A guessed text is accepted only if no other file of the source seems to hold the texts, and if it looks like words. The
report says that it is a guess.
"""

from __future__ import annotations

import posixpath
import re

from engine.data.digit_words import digit_words
from engine.data.endings import AUDIO_ENDINGS, ending
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.label_folders import labels
from engine.data.layouts.naming import is_openslr
from engine.data.layouts.split_lists import SplitLists
from engine.data.layouts.unread import unread
from engine.data.report import named
from engine.data.rows import Row
from engine.data.texts import clean_text
from engine.errors import ItemError

_FILE_NAME = re.compile(r"(?P<text>.+)_(?P<speaker>[^_]+)_(?P<take>\d+)")
_NO_WORD = re.compile(r"0\d+|\d{5,}|(?=\w*\d\w*\d)(?=\w*[^\W\d])\w+")  # 0001, 20240131, 3bdf05d3
_NAMES_OF_FILES = frozenset(
    [
        "audio",
        "aufnahme",
        "chunk",
        "clip",
        "common",
        "file",
        "grabacion",
        "part",
        "rec",
        "record",
        "recording",
        "sample",
        "seg",
        "segment",
        "sentence",
        "session",
        "sound",
        "speech",
        "take",
        "track",
        "untitled",
        "utt",
        "utterance",
        "voice",
        "wav",
    ]
)
_SHOWN = 3


def find(contents: Contents) -> list[str]:
    """All recordings, if the source has no metadata."""
    if contents.claimed:
        return []
    return sorted(path for path in contents.by_path if ending(path) in AUDIO_ENDINGS)


def read(recordings: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each recording whose name can be parsed."""
    if others := unread(contents):
        _refuse(recordings, others, contents, builder)
        return
    lists = SplitLists(contents)
    lists.claim(builder)
    builder.text_source = "names of the files"
    known = labels(recordings)
    digits: dict[str, str] = {}
    guessed: list[str] = []
    numbers: list[str] = []
    for path in recordings:
        match = _FILE_NAME.fullmatch(posixpath.basename(path).rpartition(".")[0])
        said = _words(match["text"]) if match else ""
        if match is None or not said:
            builder.set_aside(path, ItemError(contents.target.missing, _not_readable(contents)))
            continue
        text = _spoken(said, contents.language, digits) if contents.target.is_speech else said
        fault = _fault(path, said, match["speaker"]) or _contradiction(text, match["speaker"], known.get(path))
        if fault:
            builder.set_aside(path, ItemError(contents.target.missing, fault))
            continue
        builder.take(Row(0, path, text, clean_text(match["speaker"]) or None, None), path, path, lists.split(path))
        guessed.append(f"{path} -> {text!r}, said by {match['speaker']!r}")
        if contents.target.is_speech and any(c.isdecimal() for c in text):
            numbers.append(path)
    if guessed:
        builder.layout.warnings.append(
            f"{contents.target.noun}s were guessed from file names, because no file of the source gives any: {named(guessed, _SHOWN)}"
        )
    if numbers:
        builder.layout.warnings.append(
            f"numbers in {len(numbers)} file names were left as they are, because a number may be spoken in many ways: "
            f"{named(numbers, _SHOWN)}; write the words into the names, or into a metadata.csv"
        )
    if digits and contents.language is None:
        first, word = next(iter(digits.items()))
        builder.layout.warnings.append(
            f"digits in file names were written as English words ({first!r} -> {word!r}); if another language is spoken, "
            "say which: --language de"
        )


def _not_readable(contents: Contents) -> str:
    """Why a recording has no target."""
    if contents.target.is_speech:
        return "there is no metadata.csv, and its name is not text_speaker_take"
    return (
        "there is no metadata.csv (columns file_name, label), its name is not label_speaker_take, and the recordings do not "
        "all lie in folders of their classes at the same depth"
    )


def _refuse(recordings: list[str], others: dict[str, str], contents: Contents, builder: Builder) -> None:
    """Reject all recordings, because other files seem to hold the texts."""
    for reason in dict.fromkeys(others.values()):
        first = next(path for path, each in others.items() if each == reason)
        builder.refuse(first, reason)
    contents.claimed.update(others)
    shown = named(list(others), most=_SHOWN)
    for path in recordings:
        contents.named.add(path)
        builder.set_aside(
            path,
            ItemError(
                contents.target.missing,
                f"its {contents.target.noun} is probably in {shown}, which is not read; names are not believed then",
            ),
        )


def _fault(path: str, said: str, speaker: str) -> str | None:
    """Why the text from a name is not plausible, if so."""
    words = said.split()
    if is_openslr(path):
        return "its name is one of OpenSLR's, which does not say the text; line_index.tsv does"
    if all(word.casefold() in _NAMES_OF_FILES for word in words):
        return f"its name gives the text {said!r}, which is a word for files"
    strange = [word for word in words if _NO_WORD.fullmatch(word)]
    if strange or (said.isdecimal() and len(said) > 2 and speaker.isdecimal()):
        return f"its name gives the text {said!r}, and {(strange or words)[0]!r} looks like a number of the recording"
    return None


def _contradiction(text: str, speaker: str, label: str | None) -> str | None:
    """Why a text is rejected that contradicts the label of its folder, if so."""
    if label is None or label.casefold() in (text.casefold(), _words(speaker).casefold()):
        return None
    return f"its name gives the text {text!r} and its folder {label!r}; write the right one into a metadata.csv"


def _words(name: str) -> str:
    """`4-2` is "4 2", `turn-left` and `turn_left` are "turn left"."""
    return clean_text(re.sub(r"[-_]", " ", name))


def _spoken(said: str, language: str | None, digits: dict[str, str]) -> str:
    """A text with its digits spelled out; adds each digit and its word to `digits`."""
    words = []
    for word in said.split():
        if len(word) == 1 and word.isdecimal() and (language or word.isascii()):
            digits[word] = digit_words(language or "en")[int(word)]
        words.append(digits.get(word, word))
    return " ".join(words)
