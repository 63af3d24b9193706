"""Choose the subtitle file with the spoken words, among several of one recording.

If the user names a language, it decides. Otherwise the choice is a file marked as the original in its name, else a file
without a language in its name, else a file in the language of most recordings. If none of these applies, no file is
chosen.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.data.report import named
from engine.data.subtitles.cues import ENDINGS
from engine.data.subtitles.languages import language_of

_FLAGS = frozenset({"auto", "cc", "default", "orig", "original", "sdh", "sub", "subs", "subtitle", "subtitles"})
_FORCED = "forced"  # subtitles of foreign-language parts only


@dataclass(frozen=True, slots=True)
class Subtitle:
    """A subtitle file of a recording."""

    path: str
    language: str | None
    """Language in its name."""
    is_original: bool
    is_forced: bool

    @property
    def ending(self) -> str:
        """The ending of its name, in lower case."""
        return self.path.rpartition(".")[2].lower()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The file to read; None if the choice is unclear."""

    file: Subtitle | None
    reason: str
    """Reason for the choice, if there were other files."""


def subtitle(path: str, recording_stem: str) -> Subtitle:
    """Parse the part of a file's name after its recording's name; if that is empty, the name of its own folder."""
    name, folder = posixpath.basename(path).rpartition(".")[0], posixpath.dirname(path)
    rest = name[len(posixpath.basename(recording_stem)) :]
    words = [word for word in re.split(r"[.\s()\[\]]+", rest.lstrip("_-. ")) if word]
    if not words and folder != posixpath.dirname(recording_stem):
        words = [posixpath.basename(folder)]
    languages = [language_of(word) for word in words if word.lower() not in _FLAGS | {_FORCED}]
    is_original = any(re.search(r"(?:^|[-_])orig(?:inal)?$", word, re.IGNORECASE) for word in words)
    language = next((language for language in languages if language), None)
    return Subtitle(path, language, is_original, _FORCED in (word.lower() for word in words))


def choose(files: Sequence[Subtitle], wanted: str | None, common: str | None) -> Chosen:
    """The file to read.

    Args:
        files: the subtitle files of one recording.
        wanted: the language that the user named.
        common: the language that more recordings have than any other.
    """
    shown = named([posixpath.basename(file.path) for file in files], most=5)
    left = [file for file in files if not file.is_forced] or list(files)
    if wanted is not None:
        language = language_of(wanted) or wanted.lower()
        left = [file for file in left if file.language == language] or [f for f in left if f.language is None]
        if not left:
            return Chosen(None, f"found {shown}, and none in the language {wanted}")
        return _first(left, f"found {shown}")
    if originals := [file for file in left if file.is_original]:
        return _first(originals, f"found {shown}; its name says that it is the original")
    if len({file.language for file in left}) == 1:
        return _first(left, f"found {shown}")
    if unnamed := [file for file in left if file.language is None]:
        return _first(unnamed, f"found {shown}; its name has no language, so that it was taken for what is spoken")
    if common is not None and (usual := [file for file in left if file.language == common]):
        return _first(usual, f"found {shown}; most recordings have subtitles in the language {common}")
    return Chosen(
        None,
        f"found {shown}, and it is unclear which one matches the speech: name its language (`--language de`), "
        "or keep only its file",
    )


def common_language(by_recording: Mapping[str, Sequence[Subtitle]]) -> str | None:
    """The language in which more recordings have subtitles than in any other."""
    counts: Counter[str] = Counter()
    for files in by_recording.values():
        counts.update({file.language for file in files if file.language and not file.is_forced})
    first, second = [*counts.most_common(2), ("", 0), ("", 0)][:2]
    return first[0] if first[1] > second[1] else None


def _first(files: Sequence[Subtitle], reason: str) -> Chosen:
    """Of files in one language, the first by the order of `ENDINGS`, then by the length of its path."""
    return Chosen(min(files, key=lambda file: (ENDINGS.index(file.ending), len(file.path), file.path)), reason)
