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


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording of speech and its transcript."""

    id: str
    """Unique within the manifest."""
    audio: str
    """Path of the audio file, relative to the manifest's folder, with `/`."""
    start_s: float
    """Where the utterance begins in the file, in seconds."""
    duration_s: float
    """How long it is, in seconds."""
    text: str
    """What was said."""
    speaker: str | None = None
    """Who said it, if known."""
    split: Split | None = None
    """Where the dataset's author put it, if anywhere."""


def read_manifest(path: Path) -> list[Utterance]:
    """Every utterance of a manifest, in its order.

    Raises:
        ManifestError: no such file, or faulty lines; each of them is named.
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
            utterances.append(Utterance(**found))
    if faults:
        raise ManifestError(f"{path} has {len(faults)} {'fault' if len(faults) == 1 else 'faults'}:", faults)
    return utterances


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write a manifest, whole or not at all: a temporary file is renamed when its last line is in it.

    Raises:
        ValueError: a time that is not finite.
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
    """An utterance as its line of the manifest, newline included."""
    fields = {name: getattr(utterance, name) for name in Utterance.__slots__}
    return json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n"


def _faults_of_line(found: Any) -> list[str]:
    if not isinstance(found, dict):
        return [f"found {type(found).__name__}; a line is a JSON object"]
    missing = [name for name in ("id", "audio", "start_s", "duration_s", "text") if name not in found]
    unknown = sorted(set(found) - set(Utterance.__slots__))
    messages = [f"{name} is missing" for name in missing]
    messages += [f"{name} is no field of an utterance; allowed: {', '.join(Utterance.__slots__)}" for name in unknown]
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
    return messages


def is_inside(path: str) -> bool:
    """Whether a relative path with `/` stays inside its folder on every operating system."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and not any(c in path for c in "\\:\0")


def _is_time(value: object, least_excluded: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return value > 0 if least_excluded else value >= 0
