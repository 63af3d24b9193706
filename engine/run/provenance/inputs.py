"""The inputs of a stage, the state of its store, and the differences between two sets of inputs.

A stage calls `begin` first. Its store may already hold the finished result of the same inputs, which is returned; parts
of it, from which the stage resumes; or work from different inputs, which is rejected with the differences. File
contents are compared, not names: a folder whose recordings changed is a different dataset.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from engine.data.version_files import MANIFEST_NAME
from engine.errors import ConfigError, Fault, ObjectNotFoundError
from engine.run.code_version import code_version
from engine.run.events import Event, EventSink
from engine.run.store import RunStore

INPUTS_KEY: Final = "inputs.json"
RESULT_KEY: Final = "result.json"
_MOST_NAMED: Final = 5

Role = Literal["model", "base_model", "adapter", "data", "selection"]


class Inputs(BaseModel):
    """Everything that determines a result."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    settings: dict[str, Any]
    """Configs as JSON, by the field that holds them in a run's config: `model`, `training`, `measurement`."""
    files: dict[Role, dict[str, str]]
    """SHA-256 of each file's content, by the role of the files."""
    given: dict[str, Any] = {}
    """Of the settings, those that are not at their default; not recorded."""

    def digest(self) -> str:
        """One digest of all inputs."""
        recorded = self.model_dump(mode="json", exclude={"given"})
        return hashlib.sha256(json.dumps(recorded, sort_keys=True).encode()).hexdigest()


def as_begun(store: RunStore, inputs: Inputs) -> Inputs:
    """These inputs as the work in a store has recorded them, if they are the same.

    Work of an earlier release lacks the fields that have been added since. It goes on if they are at their defaults.
    """
    before = _recorded(store)
    if before is None or before.files != inputs.files:
        return inputs
    return before if completed(before.settings, inputs.settings, inputs.given) == inputs.settings else inputs


def begin(
    store: RunStore, inputs: Inputs, *, parts: Sequence[str], result_key: str = RESULT_KEY, write: bool = True
) -> bytes | None:
    """Store the inputs of a stage that starts or resumes.

    Args:
        store: of the stage's files.
        inputs: of the requested work.
        parts: prefixes of an unfinished stage's files.
        result_key: the key that a finished stage writes last.
        write: whether this process writes to the store.

    Returns:
        The finished result of the same inputs, or None if there is work to do.

    Raises:
        ConfigError: the store holds work from different inputs; the faults name every difference.
    """
    result = _finished(store, result_key)
    unfinished = any(store.list(part) for part in parts)
    before = _recorded(store)
    if result is not None or unfinished:
        whose = "finished" if result is not None else "unfinished"
        faults = list(differences(before, inputs, whose)) if before is not None else [_unknown(whose)]
        if faults:
            advice = (
                f"it already holds {whose} work from other inputs, which is not overwritten; to start over, use another "
                "name, storage or folder, or delete the old work"
            )
            raise ConfigError([*faults, Fault("name", advice)])
    if write and (before is None or before.digest() != inputs.digest()):
        store.put_bytes(INPUTS_KEY, inputs.model_dump_json(indent=1, exclude={"given"}).encode())
    return result


def shown_again(result: Mapping[str, Any], what: str) -> str:
    """Message for a finished result that is returned without new work; `what` names the work that was not done."""
    when = result.get("finished_at")
    made_by = result.get("code_version")
    told = f"This has finished already{f' on {when}' if when else ''}: nothing was {what} this time, and its result is shown again"
    if made_by != code_version():
        told += f"; it was made by version {made_by or 'unknown'} of the software, this is {code_version()}"
    return f"{told}. To start over, use another name, storage or folder."


def say_shown_again(events: EventSink, result: Mapping[str, Any], what: str) -> None:
    """Emit the message of `shown_again` as an event."""
    key = f"shown_again/{time.time_ns():x}"  # a new event each time
    events.emit(Event("log", key, {"level": "notice", "message": shown_again(result, what)}))
    events.flush()


def differences(before: Inputs, now: Inputs, whose: str) -> Iterator[Fault]:
    """Faults for every field and every role of files in which two sets of inputs differ."""
    for path, old, new in changed(completed(before.settings, now.settings, now.given), now.settings, ""):
        yield Fault(path, f"found {shown(new)}; the {whose} work has {shown(old)}")
    for role in sorted(before.files.keys() | now.files.keys()):
        old_files, new_files = before.files.get(role), now.files.get(role)
        if old_files is None or new_files is None:
            there = "none, and the {} work has one" if new_files is None else "one, and the {} work has none"
            yield Fault(role, f"found {there.format(whose)}")
        elif old_files != new_files:
            yield Fault(role, f"{_whatchanged(role, old_files, new_files)} than in the {whose} work")


def completed(before: Any, now: Any, given: Any) -> Any:
    """Recorded settings with the fields that they lack and that are at their defaults now.

    Args:
        before: JSON that was recorded, perhaps by an earlier release.
        now: JSON of the same config now, with all fields.
        given: of `now`, the fields that are not at their default.
    """
    if not isinstance(before, dict) or not isinstance(now, dict):
        return before
    told = given if isinstance(given, dict) else {}
    added = {name: now[name] for name in now.keys() - before.keys() - told.keys()}
    return {name: completed(value, now.get(name), told.get(name)) for name, value in before.items()} | added


def _recorded(store: RunStore) -> Inputs | None:
    try:
        return Inputs.model_validate_json(store.get_bytes(INPUTS_KEY))
    except (ObjectNotFoundError, ValueError):
        return None


def _finished(store: RunStore, key: str) -> bytes | None:
    try:
        content = store.get_bytes(key)
        result = json.loads(content)
    except (ObjectNotFoundError, ValueError):
        return None
    return content if isinstance(result, dict) and result.get("status", "succeeded") == "succeeded" else None


def _unknown(whose: str) -> Fault:
    return Fault(INPUTS_KEY, f"is missing: the {whose} work comes from a version that did not record its inputs")


def changed(before: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Paths at which two JSON values differ, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from changed(before.get(key), now.get(key), f"{path}.{key}".removeprefix("."))
    elif before != now:
        yield path, before, now


def shown(value: Any) -> str:
    """A JSON value as shown in a message."""
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _whatchanged(role: Role, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    names = ", ".join(changed[:_MOST_NAMED]) + (", ..." if len(changed) > _MOST_NAMED else "")
    if role == "data":
        other = "other recordings or texts" if MANIFEST_NAME in changed else "other audio under the same texts"
        return f"found {other} ({names})"
    return f"found other contents ({names})"
