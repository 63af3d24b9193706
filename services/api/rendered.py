"""Rows rendered as JSON by PostgreSQL, for the most frequent reads: lists and details.

Creating an object for each of 21 rows of 40 columns, parsing the JSON in them and serializing it all again is too slow
for the API (docs/adr/0019). The routes' models still define the format of a response; a test keeps both consistent.
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
    """SQL for the text of a JSON object with these fields, at most 50."""
    pairs: list[Any] = []
    for name, column in columns.items():
        pairs += [
            _constant(name),
            func.to_char(column, _constant(_TIME)) if isinstance(column.type, DateTime) else column,
        ]
    return cast(func.json_build_object(*pairs), Text)


def _constant(text: str) -> ColumnElement[str]:
    """A trusted text as a literal of the statement: as parameters, forty more values would be sent per request."""
    return literal_column(f"'{text}'", Text)


def with_field(text: str, name: str, value: Any) -> str:
    """Append a field with a Python value to the text of a JSON object."""
    return f'{text[:-1]}, "{name}": {to_json(value).decode()}}}'


def object_response(text: str) -> Response:
    """Response with a JSON text as is."""
    return Response(text.encode(), media_type="application/json")


def page_response(items: Sequence[str], total: int, next_cursor: str | None) -> Response:
    """Response with a `Page` of JSON texts."""
    rest = json.dumps({"total": total, "next_cursor": next_cursor})
    return object_response(f'{{"items": [{", ".join(items)}], {rest[1:]}')
