"""What a request may look like before anything of it is validated: how much, how deep, and text that a database holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from fastapi import Request

from engine.errors import MOST_FAULTS, Fault
from services.errors import InvalidRequestError, UnsupportedMediaError

MOST_VALUES: Final = 60_000
"""Values of a body, those of lists and objects in it counted too: 10,000 decisions about one item each have 50,000."""
MOST_FIELDS: Final = 200
"""Fields of an object; the largest of ours has some 40."""
MOST_ITEMS: Final = 10_000
"""Items of a list; no list of ours may be longer."""
DEEPEST: Final = 24
"""Lists and objects within each other; ours reach 8."""
TOO_DEEP: Final = f"lists and objects lie in each other deeper than {DEEPEST}"
_Place: TypeAlias = "tuple[_Place, str | int, int] | None"
"""The place around, the name in it, and how deep that is; paths are only written down for faults."""
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_NO_TEXT: Final = "holds a NUL character or a lone surrogate"


async def check_request(request: Request) -> None:
    """Let a request pass that is worth validating.

    Raises:
        UnsupportedMediaError: the body is not JSON.
        InvalidRequestError: it is too large a structure, or holds text that no database holds.
    """
    faults = [Fault(name, _NO_TEXT) for name, value in request.query_params.multi_items() if not is_storable(value)]
    if await request.body():
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedMediaError(
                f"The body's Content-Type is {media_type or 'not given'}; only application/json is read."
            )
        for fault in shape_faults(await _parsed(request)):
            faults.append(fault)
            if len(faults) > MOST_FAULTS:
                break
    if faults:
        raise InvalidRequestError.of(faults)


def shape_faults(body: Any) -> Iterator[Fault]:
    """What is wrong with a body's shape and text; ends at the first thing that is too large."""
    waiting: list[tuple[Any, _Place]] = [(body, None)]
    values = 0
    while waiting:
        node, place = waiting.pop()
        if isinstance(node, str):
            if not is_storable(node):
                yield Fault(_path(place), _NO_TEXT)
            continue
        if not isinstance(node, dict | list):
            continue
        values += len(node)
        depth = place[2] if place else 0
        too_much = _too_much(node, depth, values)
        if too_much is not None:
            yield Fault(_path(place), too_much)
            return
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for name, value in items:
            if isinstance(name, str) and not is_storable(name):
                yield Fault(_path((place, name, depth + 1)), f"the field's name {_NO_TEXT}")
            if isinstance(value, str | dict | list):
                waiting.append((value, (place, name, depth + 1)))


def is_storable(text: str) -> bool:
    """Whether a database can hold it: neither NUL characters nor lone surrogates."""
    return _UNSTORABLE.search(text) is None


def _too_much(node: dict[str, Any] | list[Any], depth: int, values: int) -> str | None:
    if depth >= DEEPEST:
        return TOO_DEEP
    if isinstance(node, dict) and len(node) > MOST_FIELDS:
        return f"has {len(node)} fields; an object has at most {MOST_FIELDS}"
    if isinstance(node, list) and len(node) > MOST_ITEMS:
        return f"has {len(node)} items; a list has at most {MOST_ITEMS}"
    if values > MOST_VALUES:
        return f"with what comes before it, the body holds more than {MOST_VALUES} values; send less at a time"
    return None


def _path(place: _Place) -> str:
    names: list[str] = []
    while place is not None:
        place, name, _ = place
        names.append(str(name))
    return ".".join(reversed(names))


async def _parsed(request: Request) -> Any:
    try:
        return await request.json()
    except (ValueError, RecursionError):
        return None  # a route with a body has refused it before; one without does not read it
