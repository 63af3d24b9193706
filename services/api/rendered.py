"""Rows as JSON that PostgreSQL has written: for what is read most, lists and details.

Making an object of each of 21 rows of 40 columns, parsing the JSON in them and writing it all again costs the API more
than it can give (docs/adr/0019). The models of the routes still say what an answer consists of; a test holds both together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Response
from sqlalchemy import ColumnElement, DateTime, Text, cast, func

_TIME: Final = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'  # connections are in UTC


def as_json(columns: Mapping[str, Any]) -> ColumnElement[str]:
    """The text of a JSON object with these fields; at most 50."""
    pairs: list[Any] = []
    for name, column in columns.items():
        pairs += [name, func.to_char(column, _TIME) if isinstance(column.type, DateTime) else column]
    return cast(func.json_build_object(*pairs), Text)


def with_field(text: str, name: str, value: Any) -> str:
    """The text of a JSON object with a field more, which Python knows."""
    return f'{text[:-1]}, "{name}": {json.dumps(value)}}}'


def object_response(text: str) -> Response:
    """A JSON text as it is."""
    return Response(text.encode(), media_type="application/json")


def page_response(items: Sequence[str], total: int, next_cursor: str | None) -> Response:
    """A `Page` of JSON texts."""
    rest = json.dumps({"total": total, "next_cursor": next_cursor})
    return object_response(f'{{"items": [{", ".join(items)}], {rest[1:]}')
