"""Rows as JSON that PostgreSQL has written: for what is read most, lists and details.

Making an object of each of 21 rows of 40 columns, parsing the JSON in them and writing it all again costs the API more
than it can give (docs/adr/0019). The models of the routes still say what an answer consists of; a test holds both together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Response
from pydantic_core import to_json
from sqlalchemy import ColumnElement, DateTime, Text, cast, func, literal_column

_TIME: Final = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'  # connections are in UTC


def as_json(columns: Mapping[str, Any]) -> ColumnElement[str]:
    """The text of a JSON object with these fields; at most 50."""
    pairs: list[Any] = []
    for name, column in columns.items():
        pairs += [
            _constant(name),
            func.to_char(column, _constant(_TIME)) if isinstance(column.type, DateTime) else column,
        ]
    return cast(func.json_build_object(*pairs), Text)


def _constant(text: str) -> ColumnElement[str]:
    """A text of our own as a part of the statement: forty parameters more would be sent with each request."""
    return literal_column(f"'{text}'", Text)


def with_field(text: str, name: str, value: Any) -> str:
    """The text of a JSON object with a field more, which Python knows."""
    return f'{text[:-1]}, "{name}": {to_json(value).decode()}}}'


def object_response(text: str) -> Response:
    """A JSON text as it is."""
    return Response(text.encode(), media_type="application/json")


def page_response(items: Sequence[str], total: int, next_cursor: str | None) -> Response:
    """A `Page` of JSON texts."""
    rest = json.dumps({"total": total, "next_cursor": next_cursor})
    return object_response(f'{{"items": [{", ".join(items)}], {rest[1:]}')
