"""The manifest of a dataset version: one JSON object per line, each an example.

A line of version 2 is `{"id", "medium", "input": {...}, "target": {"type", ...}, "group", "split"}`. A line of version 1,
which earlier releases wrote, is speech with everything side by side; it is read too.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from engine.data.example import (
    SPLITS,
    AnyExample,
    AudioInput,
    Captions,
    Example,
    ImageInput,
    Label,
    Labels,
    Target,
    Text,
    TextInput,
    TimedText,
    Utterance,
)
from engine.errors import Fault, ManifestError

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
    given = {name: getattr(example.input, name) for name in _INPUTS[example.input.medium]}
    fields = {
        "id": example.id,
        "medium": example.input.medium,
        "input": given,
        "target": target_line(example.target),
        "group": example.group,
        "split": example.split,
    }
    return json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n"


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


def is_inside(path: str) -> bool:
    """Whether a relative path with `/` stays inside its folder on every operating system."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and not any(c in path for c in "\\:\0")


# ---- a line as an example ----------------------------------------------------------------------------------


def _second_version(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """A faultless line in the form of version 2."""
    if "input" in found:
        return found
    return {
        "id": found["id"],
        "medium": "audio",
        "input": {name: found[name] for name in ("audio", "start_s", "duration_s")},
        "target": {"type": "text", "text": found["text"], "times": found.get("times")},
        "group": found.get("speaker"),
        "split": found.get("split"),
    }


def example_of(line: Mapping[str, Any]) -> AnyExample:
    """The example on a faultless line, which `write_manifest` of this or an earlier release wrote."""
    found = _second_version(line)
    made: dict[str, Callable[..., Any]] = {"audio": AudioInput, "text": TextInput, "image": ImageInput}
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
    return Example(
        found["id"], made[found["medium"]](**found["input"]), answer, group=found.get("group"), split=found.get("split")
    )


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
    if "medium" in found and medium not in _INPUTS:
        messages.append(f"medium is {found['medium']!r}; allowed: {', '.join(_INPUTS)}")
    if "input" in found and medium in _INPUTS:
        messages += _faults_of_object(found["input"], "input", _INPUTS[medium], ())
    if "target" in found:
        messages += _faults_of_target(found["target"], found.get("input"))
    return messages


def _faults_of_first_version(found: Mapping[str, Any]) -> list[str]:
    required = ("id", "audio", "start_s", "duration_s", "text")
    messages = [f"{name} is missing" for name in required if name not in found]
    unknown = sorted(set(found) - set(_FIRST_VERSION))
    messages += [f"{name} is no field of an utterance; allowed: {', '.join(_FIRST_VERSION)}" for name in unknown]
    messages += _faults_of_id(found)
    for name, check in (*_INPUTS["audio"].items(), ("text", _is_text)):
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


def _faults_of_object(
    found: Any, path: str, required: Mapping[str, Callable[[Any], str | None]], optional: Iterable[str]
) -> list[str]:
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
        if not _is_time(start_s, least_excluded=False) or not _is_time(end_s, least_excluded=True) or end_s < start_s:
            return [f"item {number} of times goes from {start_s!r} to {end_s!r}; these are seconds, the end not before"]
        if start_s < latest or (_is_time(duration_s, least_excluded=True) and end_s > duration_s + _SLACK_S):  # type: ignore[operator]  # a number, says _is_time
            return [
                f"item {number} of times goes from {start_s:g} to {end_s:g} s; items follow each other in order inside "
                f"the utterance, which lasts {duration_s!r} s"
            ]
        latest = start_s
    return []


def _is_text(value: Any) -> str | None:
    return None if isinstance(value, str) else "text"


def _is_name(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "text that is not empty"


def _is_path(value: Any) -> str | None:
    if not isinstance(value, str):
        return "text"
    return None if is_inside(value) else "a path inside the manifest's folder, with '/'"


def _is_start(value: Any) -> str | None:
    return None if _is_time(value, least_excluded=False) else "a number, 0 or more, in seconds"


def _is_length(value: Any) -> str | None:
    return None if _is_time(value, least_excluded=True) else "a number above 0, in seconds"


def _are_names(value: Any) -> str | None:
    whole = isinstance(value, list) and all(isinstance(each, str) and each.strip() for each in value)
    return None if whole else "a list of texts that are not empty"


def _are_some_names(value: Any) -> str | None:
    return _are_names(value) or (None if value else "a list of at least one text")


def _is_time(value: object, least_excluded: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return value > 0 if least_excluded else value >= 0


_INPUTS: Final[Mapping[str, Mapping[str, Callable[[Any], str | None]]]] = {
    AudioInput.medium: {"audio": _is_path, "start_s": _is_start, "duration_s": _is_length},
    TextInput.medium: {"text": _is_text},
    ImageInput.medium: {"image": _is_path},
}
"""Fields of an input, by its medium; each with a check that says what it must be."""
_TARGETS: Final[Mapping[str, Mapping[str, Callable[[Any], str | None]]]] = {
    Text.type: {"text": _is_text},
    Label.type: {"label": _is_name},
    Labels.type: {"labels": _are_names},
    Captions.type: {"captions": _are_some_names},
}
"""Fields of a target, by its type."""
