"""Read JSON with one object per recording: arrays, arrays by split, objects by id, and concatenated values.

`[{...}, ...]`, `{"data": [...]}`, `{"train": [...], "test": [...]}`, `{"a.wav": {...}}`, `{"a.wav": "its text"}`. Elements
of arrays are parsed one at a time, to save memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.data.example import Split
from engine.data.split_names import split_of_name
from engine.errors import ItemError

ID_KEY = "id"
"""Key under which an object stores its own key in the surrounding object."""
_BETWEEN = re.compile(r"[\s,\ufeff]*")
_COLON = re.compile(r"\s*:\s*")
_OBJECTS = re.compile(r"\[\s*[\]{]")  # an array of objects, or an empty one
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object for a recording."""

    number: int
    """Counted from 1 over the file."""
    values: dict[str, Any] | ItemError
    """Its content, or why it cannot be read."""
    split: Split | None = None
    """The split in the key of its array."""


def json_objects(text: str, names: Callable[[str], bool]) -> Iterator[JsonObject]:
    """The objects of a file, in order; invalid JSON ends them, with a last one that has the fault.

    Args:
        text: the file's content, or its beginning.
        names: whether a value is the name of a recording; distinguishes objects by id from other content.
    """
    number = 0
    try:
        for values, split in _values(text, names):
            number += 1
            yield JsonObject(number, values, split)
    except (ValueError, RecursionError) as error:
        yield JsonObject(number + 1, ItemError("corrupt", f"from here on it is no JSON: {error}"))


_Found = tuple[dict[str, Any] | ItemError, Split | None]


def _values(text: str, names: Callable[[str], bool]) -> Iterator[_Found]:
    at = _after(_BETWEEN, text, 0)
    is_one = _is_one_value(text)
    while at < len(text):
        if text[at] == "[":
            at = yield from _array(text, at, None)
        elif text[at] == "{" and is_one:
            at = yield from _members(text, at, names)
        else:
            found, at = _DECODER.raw_decode(text, at)
            yield _object(found), None
        at = _after(_BETWEEN, text, at)


def _is_one_value(text: str) -> bool:
    """Whether the object at the beginning is the whole file; otherwise there is one object per line."""
    first, _, rest = text.lstrip("\ufeff").strip().partition("\n")
    if not rest:
        return True
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return True
    return False


def _array(text: str, at: int, split: Split | None) -> Generator[_Found, None, int]:
    at = _after(_BETWEEN, text, at + 1)
    while at < len(text) and text[at] != "]":
        found, at = _DECODER.raw_decode(text, at)
        yield _object(found), split
        at = _after(_BETWEEN, text, at)
    if at >= len(text):
        raise ValueError("the file ends inside of an array")
    return at + 1


def _members(text: str, at: int, names: Callable[[str], bool]) -> Generator[_Found, None, int]:
    """Arrays of objects immediately, and then objects and texts by id; or the whole object, if it is a recording's."""
    by_id: list[tuple[str, Any, Split | None]] = []
    has_arrays = False
    at = _after(_BETWEEN, text, at + 1)
    while at < len(text) and text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        if not isinstance(key, str) or not (colon := _COLON.match(text, at)):
            raise ValueError(f"found {str(key)[:40]!r} without a value")
        at = colon.end()
        split = split_of_name(key)
        if _OBJECTS.match(text, at):
            has_arrays = True
            at = yield from _array(text, at, split)
            at = _after(_BETWEEN, text, at)
            continue
        found, at = _DECODER.raw_decode(text, at)
        if split and isinstance(found, dict) and all(isinstance(each, dict | str) for each in found.values()):
            by_id += [(str(inner), each, split) for inner, each in found.items()]
        else:
            by_id.append((key, found, None))
        at = _after(_BETWEEN, text, at)
    yield from _of_ids(by_id, names, has_arrays)
    if at >= len(text):
        raise ValueError("the file ends inside of an object")
    return at + 1


def _of_ids(
    by_id: Sequence[tuple[str, Any, Split | None]], names: Callable[[str], bool], has_arrays: bool
) -> Iterator[_Found]:
    hits = [names(key) or (isinstance(value, dict) and names_any(value, names)) for key, value, _ in by_id]
    whole = {key: value for key, value, split in by_id if split is None}
    if not any(hits) and not has_arrays and names_any(whole, names):
        yield whole, None
        return
    are_all = 2 * sum(hits) > len(hits)
    for (key, value, split), hit in zip(by_id, hits, strict=True):
        if isinstance(value, dict):
            if hit or are_all:
                yield {ID_KEY: key, **value}, split
        elif isinstance(value, str) and (hit or are_all):
            yield {ID_KEY: key, "text": value}, split


def names_any(values: dict[str, Any], names: Callable[[str], bool]) -> bool:
    """Whether an object holds the name of a recording, perhaps one level further in (`{"audio": {"path": ...}}`)."""
    flat = [each for value in values.values() for each in (value.values() if isinstance(value, dict) else [value])]
    return any(isinstance(each, str) and bool(each.strip()) and names(each) for each in flat)


def _object(found: Any) -> dict[str, Any] | ItemError:
    if isinstance(found, dict):
        return found
    return ItemError("corrupt", f"it holds {type(found).__name__}; allowed: an object with a file name and a text")


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
