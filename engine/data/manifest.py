"""The manifest: one JSON object per line, each an utterance cut out of an audio file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from engine.errors import Fault, ManifestError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_SLACK_S = 0.01  # times of a text may be rounded to hundredths


@dataclass(frozen=True, slots=True)
class TimedText:
    """A part of an utterance's text with its time."""

    start_s: float
    """Start, from the beginning of the utterance, in seconds."""
    end_s: float
    """End, in seconds."""
    text: str
    """Its text: a word, a phrase, a subtitle."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an audio file."""

    audio: str
    """Path of the file, relative to the manifest's folder, with `/`."""
    start_s: float
    """Start in the file, in seconds."""
    duration_s: float
    """Length in seconds."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording of speech and its transcript."""

    id: str
    """Unique within the manifest."""
    audio: str
    """Path of the audio file, relative to the manifest's folder, with `/`."""
    start_s: float
    """Start of the utterance in the file, in seconds."""
    duration_s: float
    """Length in seconds."""
    text: str
    """Its text."""
    speaker: str | None = None
    """Its speaker, if known."""
    split: Split | None = None
    """Its split, if the dataset has one."""
    times: tuple[TimedText, ...] = ()
    """Times of parts of the text, in order, if known; long recordings can then be cut."""
    pieces: tuple[Piece, ...] = ()
    """All stretches of an utterance that joins several. `audio` and `start_s` are then those of the first, and `duration_s` is
    their total. They come from a selection, never from a manifest."""
    weight: float = 1.0
    """Factor on its loss in training. It comes from a selection, never from a manifest."""

    def stretches(self) -> tuple[Piece, ...]:
        """Its stretches of audio, in order."""
        return self.pieces or (Piece(self.audio, self.start_s, self.duration_s),)


_FIELDS = ("id", "audio", "start_s", "duration_s", "text", "speaker", "split")
_TIMES_FIELDS = ("start_s", "end_s", "text")


def read_manifest(path: Path) -> list[Utterance]:
    """Read the utterances of a manifest, in order.

    Raises:
        ManifestError: the file does not exist, or lines are faulty; names each of them.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ManifestError(f"cannot read the manifest {path}: {error.strerror}") from error
    utterances: list[Utterance] = []
    faults: list[Fault] = []
    first_line: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:  # not JSON, or not UTF-8
            faults.append(Fault(f"line {number}", f"not a JSON object: {error}"))
            continue
        messages = _faults_of_line(found)
        if not messages and (earlier := first_line.setdefault(found["id"], number)) != number:
            messages = [f"id {found['id']!r} is already on line {earlier}; an id is unique"]
        if messages:
            faults += [Fault(f"line {number}", message) for message in messages]
        else:
            times = tuple(TimedText(**part) for part in found.pop("times", None) or ())
            utterances.append(Utterance(**found, times=times))
    if faults:
        raise ManifestError(f"{path} has {len(faults)} {'fault' if len(faults) == 1 else 'faults'}:", faults)
    return utterances


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write a manifest atomically, by renaming a complete temporary file.

    Raises:
        ValueError: a time that is not finite, or an utterance of a selection.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            for utterance in utterances:
                file.write(manifest_line(utterance))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def manifest_line(utterance: Utterance) -> str:
    """An utterance as a line of the manifest, newline included; `times` only if there are any.

    Raises:
        ValueError: a time that is not finite, or pieces or a weight, which only a selection has.
    """
    if utterance.pieces or utterance.weight != 1.0:
        raise ValueError(f"{utterance.id} has pieces or a weight; a manifest holds neither, write a selection instead")
    fields = {name: getattr(utterance, name) for name in _FIELDS}
    if utterance.times:
        fields["times"] = [{name: getattr(part, name) for name in _TIMES_FIELDS} for part in utterance.times]
    return json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n"


def _faults_of_line(found: Any) -> list[str]:
    if not isinstance(found, dict):
        return [f"found {type(found).__name__}; a line is a JSON object"]
    missing = [name for name in ("id", "audio", "start_s", "duration_s", "text") if name not in found]
    unknown = sorted(set(found) - {*_FIELDS, "times"})
    messages = [f"{name} is missing" for name in missing]
    messages += [f"{name} is no field of an utterance; allowed: {', '.join(_FIELDS)}, times" for name in unknown]
    for name in ("id", "audio", "text"):
        if name in found and not isinstance(found[name], str):
            messages.append(f"{name} is {found[name]!r}; it must be text")
    if found.get("id") == "":
        messages.append("id is empty")
    if isinstance(audio := found.get("audio"), str) and not is_inside(audio):
        messages.append(f"audio is {audio!r}; it must be a path inside the manifest's folder, with '/'")
    for name in ("start_s", "duration_s"):
        if name in found and not _is_time(found[name], least_excluded=name == "duration_s"):
            allowed = "a number above 0" if name == "duration_s" else "a number, 0 or more"
            messages.append(f"{name} is {found[name]!r}; it must be {allowed}, in seconds")
    if not isinstance(found.get("speaker"), str | None):
        messages.append(f"speaker is {found['speaker']!r}; it must be text or null")
    if found.get("split") is not None and found["split"] not in SPLITS:
        messages.append(f"split is {found['split']!r}; allowed: {', '.join(SPLITS)} or null")
    if found.get("times") is not None:
        messages += _faults_of_times(found["times"], found.get("duration_s"))
    return messages


def _faults_of_times(times: object, duration_s: object) -> list[str]:
    shape = f"a list of objects with {', '.join(_TIMES_FIELDS)}"
    if not isinstance(times, list):
        return [f"times is {type(times).__name__}; it must be {shape}"]
    latest = 0.0
    for number, part in enumerate(times, start=1):
        if not isinstance(part, dict) or set(part) != set(_TIMES_FIELDS) or not isinstance(part["text"], str):
            return [f"item {number} of times is {part!r}; it must be one of {shape}"]
        start_s, end_s = part["start_s"], part["end_s"]
        if not _is_time(start_s, least_excluded=False) or not _is_time(end_s, least_excluded=True) or end_s < start_s:
            return [f"item {number} of times goes from {start_s!r} to {end_s!r}; these are seconds, the end not before"]
        if start_s < latest or (_is_time(duration_s, least_excluded=True) and end_s > duration_s + _SLACK_S):  # type: ignore[operator]  # a number, says _is_time
            return [
                f"item {number} of times goes from {start_s:g} to {end_s:g} s; items follow each other in order inside "
                f"the utterance, which lasts {duration_s!r} s"
            ]
        latest = start_s
    return []


def is_inside(path: str) -> bool:
    """Whether a relative path with `/` stays inside its folder on every operating system."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and not any(c in path for c in "\\:\0")


def _is_time(value: object, least_excluded: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return value > 0 if least_excluded else value >= 0
