"""Kaldi data folders: `wav.scp`, `text`, and perhaps `utt2spk` and `segments`.

A line of `wav.scp` names a recording and its location: a path, or a command that outputs the recording. Commands are
never run; recordings that depend on one are rejected. `segments` cuts utterances out of recordings. The split comes
from a word of the folder's name (`data/train`, `data/dev_clean`).

Source: Kaldi, "Data preparation".
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.locating import Located
from engine.data.rows import Row
from engine.data.split_names import split_of_name
from engine.data.texts import clean_text, clean_transcript
from engine.errors import IngestError, ItemError

_FILES = ("wav.scp", "text", "utt2spk", "segments")


@dataclass(slots=True)
class _Segment:
    """A stretch of a recording."""

    recording: str
    start_s: float
    duration_s: float | None
    place: str
    fault: ItemError | None = None


@dataclass(slots=True)
class _Folder:
    """A data folder; each list maps the first field of a line to the rest and the line's place."""

    path: str
    recordings: dict[str, tuple[str, str]] = field(default_factory=dict)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    speakers: dict[str, tuple[str, str]] = field(default_factory=dict)
    segments: dict[str, _Segment] | None = None


def find(contents: Contents) -> list[str]:
    """The files of each folder with a `wav.scp`, and a `text` or `segments`."""
    found = []
    for path in contents.unclaimed("wav.scp"):
        folder = posixpath.dirname(path)
        there = [name for name in _FILES if posixpath.join(folder, name) in contents.by_path]
        if posixpath.basename(path) == "wav.scp" and {"text", "segments"} & set(there):
            found += [posixpath.join(folder, name) for name in there]
    return found


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each utterance."""
    for path in dict.fromkeys(posixpath.dirname(name) for name in metadata):
        folder = _Folder(path)
        _read_lists(folder, [name for name in metadata if posixpath.dirname(name) == path], contents, builder)
        names = [name for name, _ in folder.recordings.values() if not _fault(name)]
        located = contents.locate(names, posixpath.join(path, "wav.scp"))
        if folder.segments is None:
            _take_recordings(folder, located, builder)
        else:
            _take_segments(folder, folder.segments, located, builder)
        known = folder.recordings if folder.segments is None else folder.segments
        what = "wav.scp" if folder.segments is None else "segments"
        for utterance, (_, place) in folder.texts.items():
            if utterance not in known:
                reason = f"the utterance {utterance!r} is not in {what}, so its recording is not known"
                builder.set_aside(place, ItemError("missing_audio", reason))


def _read_lists(folder: _Folder, files: list[str], contents: Contents, builder: Builder) -> None:
    for path in files:
        name = posixpath.basename(path)
        if name == "segments":
            folder.segments = {}
        try:
            lines = list(contents.lines(path))
        except IngestError as error:
            builder.refuse(path, error)
            continue
        builder.layout.metadata_files.append(path)
        first: dict[str, str] = {}
        for number, line in lines:
            key, value = [*line.split(maxsplit=1), ""][:2]  # blanks or tabs
            place = f"{path}:{number}"
            if (earlier := first.setdefault(key, place)) != place:
                builder.set_aside(
                    place, ItemError("duplicate_name", f"{key!r} is already in {earlier}, which was kept")
                )
            else:
                _LISTS[name](folder, key, value.strip(), place)


def _add_segment(folder: _Folder, key: str, value: str, place: str) -> None:
    assert folder.segments is not None
    fields = value.split()
    segment = _Segment(fields[0] if fields else "", 0.0, None, place)
    folder.segments[key] = segment
    try:
        start_s, end_s = (float(field) for field in fields[1:3])
    except ValueError:
        segment.fault = ItemError("bad_times", f"found {value[:80]!r}; allowed: RECORDING START END, times in seconds")
        return
    to_end = end_s == -1
    if not math.isfinite(start_s) or start_s < 0 or not (to_end or start_s < end_s < math.inf):
        segment.fault = ItemError("bad_times", f"it goes from {start_s:g} s to {end_s:g} s; allowed: 0 <= START < END")
        return
    segment.start_s, segment.duration_s = start_s, None if to_end else end_s - start_s


_LISTS: dict[str, Callable[[_Folder, str, str, str], None]] = {
    "wav.scp": lambda folder, key, value, place: folder.recordings.update({key: (value, place)}),
    "text": lambda folder, key, value, place: folder.texts.update({key: (clean_transcript(value), place)}),
    "utt2spk": lambda folder, key, value, place: folder.speakers.update({key: (clean_text(value), place)}),
    "segments": _add_segment,
}


def _take_recordings(folder: _Folder, located: Located, builder: Builder) -> None:
    for key, (name, place) in folder.recordings.items():
        fault = _fault(name)
        if fault:
            builder.set_aside(place, fault)
        else:
            _take(folder, key, _Segment(key, 0.0, None, place), located.path(name), builder)


def _take_segments(folder: _Folder, segments: dict[str, _Segment], located: Located, builder: Builder) -> None:
    used = set()
    for key, segment in segments.items():
        used.add(segment.recording)
        name, place = folder.recordings.get(segment.recording, ("", ""))
        fault = _fault(name) if place else None
        if fault:
            reason = f"its recording {segment.recording!r} ({place}) is not read: {fault.reason}"
            builder.set_aside(segment.place, ItemError(fault.code, reason))
        elif not place:
            reason = f"its recording {segment.recording!r} is not in wav.scp"
            builder.set_aside(segment.place, ItemError("missing_audio", reason))
        elif segment.fault:
            builder.set_aside(segment.place, segment.fault)
            builder.contents.named.add(located.path(name))
        else:
            _take(folder, key, segment, located.path(name), builder)
    for key, (name, place) in folder.recordings.items():
        if key not in used:
            audio = None if _fault(name) else located.find(name)
            builder.contents.named.add(audio or place)
            reason = f"no line of segments cuts the recording {key!r} ({place})"
            builder.set_aside(audio or place, ItemError("missing_text", reason))


def _take(folder: _Folder, key: str, segment: _Segment, audio: str, builder: Builder) -> None:
    builder.text_source = posixpath.join(folder.path, "text")
    text, place = folder.texts.get(key, ("", segment.place))
    speaker, _ = folder.speakers.get(key, (None, ""))
    row = Row(0, audio, text, speaker or None, None, None, segment.start_s, segment.duration_s, key)
    builder.take(row, place, audio, split_of_name(posixpath.basename(folder.path)))


def _fault(name: str) -> ItemError | None:
    """Why a location in `wav.scp` is not read, if so."""
    if name.endswith("|") or name.startswith("|"):
        return ItemError("command", f"found the command {name[:200]!r}; allowed: a path: commands are never run")
    if not name or name == "-":
        return ItemError("missing_audio", f"found {name!r}; allowed: a path")
    if re.search(r"\.ark:\d+$", name):
        return ItemError("unsupported_format", f"found {name!r}, a place in a Kaldi archive; allowed: a path of a file")
    return None
