"""A text file for each recording: `X.txt`, `X.lab` or `X.json` with `X.wav`, in its folder or in a parallel one.

VCTK (`wav48/p225/p225_001_mic1.flac`, `txt/p225/p225_001.txt`), LibriTTS (`X.normalized.txt`, `X.original.txt`), TIMIT
(`SA1.TXT` and `SA1.WRD` with sample numbers), WebDataset (members of a tar that share a key) and many tools write such
files. If a recording has several, the one whose ending comes first in `ENDINGS` is read; if their endings are not
listed (`X.en.txt`, `X.de.txt`), the recording is rejected.

Source: CSTR VCTK Corpus; Zen et al., LibriTTS, Interspeech 2019; Garofolo et al., TIMIT; the WebDataset format.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from engine.data.endings import AUDIO_ENDINGS
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.naming import recordings, split_of_path
from engine.data.layouts.one_text import OneText, read_texts
from engine.data.layouts.split_lists import SplitLists
from engine.data.report import named
from engine.data.rows import row_of
from engine.data.source import displayed
from engine.errors import ItemError

ENDINGS = (
    ".normalized.txt",
    ".txt",
    ".text",
    *(f".{audio}.txt" for audio in sorted(AUDIO_ENDINGS)),
    ".transcript",
    ".transcription",
    ".transcript.txt",
    ".transcription.txt",
    ".trans.txt",
    ".trn",
    *(f".{audio}.trn" for audio in sorted(AUDIO_ENDINGS)),
    ".lab",
    ".json",
    *(f".{audio}.json" for audio in sorted(AUDIO_ENDINGS)),
    ".original.txt",
    ".wrd",
    ".cls",
)
"""Endings of text files, which follow the recording's name; the best first."""
_LAST_ENDINGS = tuple(sorted({f".{known.rpartition('.')[2]}" for known in ENDINGS}))
_MICROPHONE = re.compile(r"(?P<name>.+)[-_.]mic(?P<number>\d)", re.IGNORECASE)
_SHOWN = 3
_ABOUT = ".json"  # metadata of a recording, in addition to its text
_DEEPEST = 32  # most parts of a folder's path for which a parallel folder is looked up


@dataclass(slots=True)
class _Pairs:
    """The text files of a source with the recordings that they belong to."""

    texts: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """Text files of each recording, by ending."""
    other_microphones: dict[str, str] = field(default_factory=dict)
    """Recordings of a sentence that another microphone recorded too, with the recording that is read instead."""


def find(contents: Contents) -> list[str]:
    """Text files that are named like recordings without metadata."""
    pairs = _pairs(contents)
    return sorted({path for texts in pairs.texts.values() for path in texts.values()})


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each recording with a text file."""
    pairs = _pairs(contents, set(metadata))
    lists = SplitLists(contents)
    lists.claim(builder)
    chosen: dict[str, str] = {}
    about: dict[str, str] = {}
    used, unread = Counter[str](), Counter[str]()
    for audio, texts in pairs.texts.items():
        known = [suffix for suffix in ENDINGS if suffix in texts]
        if not known and len(texts) > 1:
            several = named(sorted(texts.values()), most=_SHOWN)
            contents.named.add(audio)
            builder.set_aside(
                audio, ItemError(contents.target.missing, f"it has several texts: {several}; allowed: one")
            )
            continue
        suffix = known[0] if known else next(iter(texts))
        chosen[audio] = texts[suffix]
        used[suffix] += 1
        others = {other for other in texts if other != suffix}
        if _ABOUT in others:
            about[audio] = texts[_ABOUT]
        unread.update(others - {_ABOUT})
    _tell_choice(used, unread, pairs, builder)
    builder.text_source = " and ".join(f"X{suffix} of each recording X" for suffix, _ in used.most_common(_SHOWN))
    joined: list[str] = []
    romanised: list[str] = []
    beside = dict(read_texts(about, contents, builder))
    for audio, text in read_texts(chosen, contents, builder):
        if text.lines > 1 and contents.target.is_speech:
            joined.append(chosen[audio])
        if text.romanised:
            romanised.append(chosen[audio])
        _take(audio, chosen[audio], text, beside.get(audio, OneText()), lists, builder)
    for audio, read_instead in pairs.other_microphones.items():
        contents.named.add(audio)
        reason = f"another microphone took the same sentence; {read_instead} was taken"
        builder.set_aside(audio, ItemError("other_microphone", reason))
    if romanised:
        builder.layout.warnings.append(
            f"{len(romanised)} text files have lines in Latin letters below a text in another script; these were taken for "
            f"its sounds, and not read: {named(romanised, _SHOWN)}"
        )
    if joined:
        builder.layout.warnings.append(
            f"{len(joined)} of {len(chosen)} text files have several lines, which were joined: {named(joined, _SHOWN)}"
        )


def _take(audio: str, path: str, text: OneText, about: OneText, lists: SplitLists, builder: Builder) -> None:
    """Make an item; speaker and split may come from a JSON file in addition to the text."""
    speaker, said = text.speaker or about.speaker, text.split or about.split
    split = lists.split(audio) or split_of_path(audio)
    row = row_of(0, audio, text.text, speaker, said, text.fault, builder.contents.target.mark)
    builder.take(row, path, audio, split)


def _tell_choice(used: Counter[str], unread: Counter[str], pairs: _Pairs, builder: Builder) -> None:
    read = " and ".join(f"X{suffix}" for suffix, _ in used.most_common(_SHOWN))
    for suffix, count in sorted(unread.items()):
        builder.layout.warnings.append(
            f"{count} files X{displayed(suffix)} were not read, because the text is taken from {read}"
        )
    if pairs.other_microphones:
        builder.layout.warnings.append(
            f"{len(pairs.other_microphones)} recordings were left out, because another microphone took the same sentence"
        )


# ---- which text belongs to which recording ------------------------------------------------------------------


def _pairs(contents: Contents, among: set[str] | None = None) -> _Pairs:
    """Pair text files with recordings that no row names; in the same folder first, then in parallel folders.

    Args:
        contents: the source.
        among: the text files; None for all that are unclaimed.
    """
    open_audio = [path for path in recordings(contents) if path not in contents.named]
    texts = [path for path in contents.by_path if path in among] if among is not None else list(_candidates(contents))
    pairs = _Pairs()
    by_place: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in open_audio:
        for key in _keys(path):
            by_place[posixpath.dirname(path), key].append(path)
    left: dict[str, list[str]] = defaultdict(list)
    for path in texts:
        if not _pair(path, posixpath.dirname(path), by_place, pairs):
            left[posixpath.dirname(path)].append(path)
    taken = {posixpath.dirname(path) for found in pairs.texts.values() for path in found.values()}
    folders = {posixpath.dirname(path) for path in open_audio}
    parallel = _Parallel(folders - taken)
    for folder in sorted(left.keys() - folders):
        hits = {
            other: sum(any((other, stem) in by_place for stem, _ in _stems(path)) for path in left[folder])
            for other in parallel.to(folder)
        }
        best = max(sorted(hits), key=lambda other: hits[other], default=None)
        if best is not None and hits[best]:
            for path in left[folder]:
                _pair(path, best, by_place, pairs)
    return pairs


def _candidates(contents: Contents) -> Iterator[str]:
    return contents.unclaimed(*_LAST_ENDINGS)


def _pair(path: str, folder: str, by_place: dict[tuple[str, str], list[str]], pairs: _Pairs) -> bool:
    """Assign a text file to the recording in a folder that has its name; False if there is none."""
    for stem, suffix in _stems(path):
        found = by_place.get((folder, stem))
        if not found:
            continue
        first, *others = sorted(found)
        pairs.texts[first].setdefault(suffix, path)
        pairs.other_microphones |= {other: first for other in others if _MICROPHONE.fullmatch(_stem(other))}
        for other in others:
            if other not in pairs.other_microphones:  # a.flac and a.wav: the same text, and perhaps the same samples
                pairs.texts[other].setdefault(suffix, path)
        return True
    return False


def _stem(path: str) -> str:
    return unicodedata.normalize("NFC", posixpath.basename(path).rpartition(".")[0]).casefold()


def _keys(path: str) -> list[str]:
    """Possible names of a recording's text: the recording's name, with or without the microphone."""
    stem = _stem(path)
    microphone = _MICROPHONE.fullmatch(stem)
    return [stem, microphone["name"]] if microphone else [stem]


def _stems(path: str) -> Iterator[tuple[str, str]]:
    """Ways to divide a text file's name into a recording's name and an ending, the longest name first."""
    name = unicodedata.normalize("NFC", posixpath.basename(path)).casefold()
    at = name.rfind(".")
    while at > 0:
        yield name[:at], name[at:]
        at = name.rfind(".", 0, at)


class _Parallel:
    """Finds folders that differ from another in one part, such as `txt/p225` and `wav48/p225`, or `` and `wavs`."""

    def __init__(self, folders: Iterable[str]) -> None:
        self._by_rest: dict[_Rest, set[str]] = defaultdict(set)
        for folder in folders:
            parts = _parts(folder)
            self._by_rest[None, parts].add(folder)
            for at, rest in _rests(parts):
                self._by_rest[at, rest].add(folder)
                self._by_rest[-1, rest].add(folder)

    def to(self, folder: str) -> set[str]:
        """The folders that differ from `folder` in one part, which is replaced, added or removed."""
        parts = _parts(folder)
        found = set(self._by_rest.get((-1, parts), ()))
        for at, rest in _rests(parts):
            found |= self._by_rest.get((at, rest), set()) | self._by_rest.get((None, rest), set())
        return found - {folder}


_Rest = tuple[int | None, tuple[str, ...]]
"""The parts of a folder without one of them, and which it is: None for all parts, -1 for any."""


def _parts(folder: str) -> tuple[str, ...]:
    return tuple(folder.split("/")) if folder else ()


def _rests(parts: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    if len(parts) <= _DEEPEST:
        for at in range(len(parts)):
            yield at, parts[:at] + parts[at + 1 :]
