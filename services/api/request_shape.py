"""Checks of a request before validation: its size, its depth, and whether a database can store its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from fastapi import Request

from engine.errors import MOST_FAULTS, Fault
from services.errors import InvalidRequestError, UnsupportedMediaError

MOST_VALUES: Final = 60_000
"""Maximum number of values in a body, nested ones included: 10,000 decisions about one item each have 50,000."""
MOST_FIELDS: Final = 200
"""Maximum number of fields of an object; the API's largest has about 40."""
MOST_ITEMS: Final = 10_000
"""Maximum number of items of a list; none of the API's lists may be longer."""
DEEPEST: Final = 24
"""Maximum nesting depth of lists and objects; the API's reach 8."""
TOO_DEEP: Final = f"lists and objects lie in each other deeper than {DEEPEST}"
_Place: TypeAlias = "tuple[_Place, str | int, int] | None"
"""Enclosing place, name in it, and depth; paths are built only for faults."""
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_NO_TEXT: Final = "holds a NUL character or a lone surrogate"


async def check_request(request: Request) -> None:
    """Check a request before validation.

    Raises:
        UnsupportedMediaError: the body is not JSON.
        InvalidRequestError: the body is too large or too deep, or the request has text that a database cannot store.
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
    """Faults of a body's shape and text; stops at the first structure that is too large."""
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
    """Whether a database can store the text: it has neither NUL characters nor lone surrogates."""
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
        return None  # a route with a body has rejected it already; one without does not read it
