"""The manifest of a dataset version: one JSON object per line, each an example.

A line of version 2 is `{"id", "medium", "input": {...}, "target": {"type", ...}, "group", "split"}`. A line of version 1,
which earlier releases wrote, is speech with everything side by side; it is read too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from engine.data.example import (
    SPLITS,
    AnyExample,
    AudioInput,
    Captions,
    Example,
    Input,
    Label,
    Labels,
    Target,
    Text,
    TimedText,
    Utterance,
)
from engine.data.fields import Check, are_names, are_some_names, is_name, is_text, is_time
from engine.data.fields import is_inside as is_inside  # part of this module's interface
from engine.errors import Fault, ManifestError
from engine.media.registry import MEDIA, medium_named

_SLACK_S: Final = 0.01  # times of a text may be rounded to hundredths
_FIRST_VERSION: Final = ("id", "audio", "start_s", "duration_s", "text", "speaker", "split", "times")
_FIELDS: Final = ("id", "medium", "input", "target", "group", "split")
_TIMES_FIELDS: Final = ("start_s", "end_s", "text")


def read_manifest(path: Path) -> list[Utterance]:
    """Read the utterances of a manifest of speech and transcripts, in order.

    Raises:
        ManifestError: the file does not exist, lines are faulty, or it holds something other than speech with texts.
    """
    examples = read_examples(path)
    for example in examples:
        if not isinstance(example.input, AudioInput) or not isinstance(example.target, Text):
            found = f"{example.input.medium} with {example.target.type}"
            raise ManifestError(
                f"{path} holds {found} ({example.id}); this needs audio with text: recordings of speech"
            )
    return examples


def read_examples(path: Path) -> list[AnyExample]:
    """Read the examples of a manifest, in order.

    Raises:
        ManifestError: the file does not exist, or lines are faulty; names each of them.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ManifestError(f"cannot read the manifest {path}: {error.strerror}") from error
    examples: list[AnyExample] = []
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
            examples.append(example_of(found))
    if faults:
        raise ManifestError(f"{path} has {len(faults)} {'fault' if len(faults) == 1 else 'faults'}:", faults)
    return examples


def write_manifest(path: Path, examples: Iterable[AnyExample]) -> None:
    """Write a manifest atomically, by renaming a complete temporary file.

    Raises:
        ValueError: a time that is not finite, or an example of a selection.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            for example in examples:
                file.write(manifest_line(example))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def manifest_line(example: AnyExample) -> str:
    """An example as a line of the manifest, newline included.

    Raises:
        ValueError: a time that is not finite, or pieces or a weight, which only a selection has.
    """
    if getattr(example.input, "pieces", ()) or example.weight != 1.0:
        raise ValueError(f"{example.id} has pieces or a weight; a manifest holds neither, write a selection instead")
    fields = {
        "id": example.id,
        "medium": example.input.medium,
        "input": input_line(example.input),
        "target": target_line(example.target),
        "group": example.group,
        "split": example.split,
    }
    return json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n"


def input_line(given: Input) -> dict[str, Any]:
    """An input as a line of the manifest has it."""
    return {name: getattr(given, name) for name in medium_named(given.medium).fields}


def target_line(target: Target) -> dict[str, Any]:
    """A target as a line of the manifest has it, with its type."""
    line: dict[str, Any] = {"type": target.type}
    match target:
        case Text(text, times):
            line["text"] = text
            if times:
                line["times"] = [{name: getattr(part, name) for name in _TIMES_FIELDS} for part in times]
        case Label(label):
            line["label"] = label
        case Labels(labels):
            line["labels"] = list(labels)
        case Captions(captions):
            line["captions"] = list(captions)
    return line


# ---- a line as an example ----------------------------------------------------------------------------------


def _second_version(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """A faultless line in the form of version 2."""
    if "input" in found:
        return found
    return {
        "id": found["id"],
        "medium": AudioInput.medium,
        "input": {name: found[name] for name in ("audio", "start_s", "duration_s")},
        "target": {"type": "text", "text": found["text"], "times": found.get("times")},
        "group": found.get("speaker"),
        "split": found.get("split"),
    }


def example_of(line: Mapping[str, Any]) -> AnyExample:
    """The example on a faultless line, which `write_manifest` of this or an earlier release wrote."""
    found = _second_version(line)
    target = found["target"]
    answer: Any
    match target["type"]:
        case "text":
            answer = Text(target["text"], tuple(TimedText(**part) for part in target.get("times") or ()))
        case "label":
            answer = Label(target["label"])
        case "labels":
            answer = Labels(tuple(dict.fromkeys(target["labels"])))
        case _:
            answer = Captions(tuple(target["captions"]))
    given = medium_named(found["medium"]).input(**found["input"])
    return Example(found["id"], given, answer, group=found.get("group"), split=found.get("split"))


# ---- faults of a line --------------------------------------------------------------------------------------


def _faults_of_line(found: Any) -> list[str]:
    if not isinstance(found, dict):
        return [f"found {type(found).__name__}; a line is a JSON object"]
    if "input" not in found and "target" not in found:
        return _faults_of_first_version(found)
    messages = [f"{name} is missing" for name in ("id", "medium", "input", "target") if name not in found]
    unknown = sorted(set(found) - set(_FIELDS))
    messages += [f"{name} is no field of an example; allowed: {', '.join(_FIELDS)}" for name in unknown]
    messages += _faults_of_id(found) + _faults_of_group(found, "group")
    medium = str(found.get("medium"))
    if "medium" in found and medium not in MEDIA:
        messages.append(f"medium is {found['medium']!r}; allowed: {', '.join(MEDIA)}")
    if "input" in found and medium in MEDIA:
        messages += _faults_of_object(found["input"], "input", medium_named(medium).fields, ())
    if "target" in found:
        messages += _faults_of_target(found["target"], found.get("input"))
    return messages


def _faults_of_first_version(found: Mapping[str, Any]) -> list[str]:
    required = ("id", "audio", "start_s", "duration_s", "text")
    messages = [f"{name} is missing" for name in required if name not in found]
    unknown = sorted(set(found) - set(_FIRST_VERSION))
    messages += [f"{name} is no field of an utterance; allowed: {', '.join(_FIRST_VERSION)}" for name in unknown]
    messages += _faults_of_id(found)
    for name, check in (*medium_named(AudioInput.medium).fields.items(), ("text", is_text)):
        if name in found and (fault := check(found[name])):
            messages.append(f"{name} is {found[name]!r}; it must be {fault}")
    messages += _faults_of_group(found, "speaker")
    if found.get("times") is not None:
        messages += _faults_of_times(found["times"], found.get("duration_s"))
    return messages


def _faults_of_id(found: Mapping[str, Any]) -> list[str]:
    if "id" not in found:
        return []
    if not isinstance(found["id"], str):
        return [f"id is {found['id']!r}; it must be text"]
    return [] if found["id"] else ["id is empty"]


def _faults_of_group(found: Mapping[str, Any], name: str) -> list[str]:
    messages = []
    if not isinstance(found.get(name), str | None):
        messages.append(f"{name} is {found[name]!r}; it must be text or null")
    if found.get("split") is not None and found["split"] not in SPLITS:
        messages.append(f"split is {found['split']!r}; allowed: {', '.join(SPLITS)} or null")
    return messages


def _faults_of_object(found: Any, path: str, required: Mapping[str, Check], optional: Iterable[str]) -> list[str]:
    """Faults of an object with these fields, each of which has a check that says what it must be."""
    if not isinstance(found, dict):
        return [f"{path} is {type(found).__name__}; it must be an object with {', '.join(required)}"]
    messages = [f"{path}.{name} is missing" for name in required if name not in found]
    allowed = [*required, *optional]
    messages += [
        f"{path}.{name} is no field; allowed: {', '.join(allowed)}" for name in sorted(set(found) - set(allowed))
    ]
    return messages + [
        f"{path}.{name} is {found[name]!r}; it must be {fault}"
        for name, check in required.items()
        if name in found and (fault := check(found[name]))
    ]


def _faults_of_target(found: Any, given: Any) -> list[str]:
    told = found.get("type") if isinstance(found, dict) else None
    kind = str(told)
    if kind not in _TARGETS:
        return [f"target.type is {told!r}; allowed: {', '.join(_TARGETS)}"]
    rest = {name: value for name, value in found.items() if name != "type"}
    times = rest.pop("times", None) if kind == "text" else None
    messages = _faults_of_object(rest, "target", _TARGETS[kind], ())
    if times is not None:
        messages += _faults_of_times(times, given.get("duration_s") if isinstance(given, dict) else None)
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
        if not is_time(start_s, least_excluded=False) or not is_time(end_s, least_excluded=True) or end_s < start_s:
            return [f"item {number} of times goes from {start_s!r} to {end_s!r}; these are seconds, the end not before"]
        if start_s < latest or (is_time(duration_s, least_excluded=True) and end_s > duration_s + _SLACK_S):  # type: ignore[operator]  # a number, says is_time
            return [
                f"item {number} of times goes from {start_s:g} to {end_s:g} s; items follow each other in order inside "
                f"the utterance, which lasts {duration_s!r} s"
            ]
        latest = start_s
    return []


_TARGETS: Final[Mapping[str, Mapping[str, Check]]] = {
    Text.type: {"text": is_text},
    Label.type: {"label": is_name},
    Labels.type: {"labels": are_names},
    Captions.type: {"captions": are_some_names},
}
"""Fields of a target, by its type."""
