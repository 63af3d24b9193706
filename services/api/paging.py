"""Keyset pagination of lists, newest first: pages stay consistent while rows are added."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Protocol, TypeVar

from asyncpg import Record
from fastapi import Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from engine.errors import Fault
from services.api.reading import Reading
from services.database.prepared import Prepared
from services.errors import InvalidRequestError

ItemT = TypeVar("ItemT")
MOST_ITEMS = 100

Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Maximum number of items in a page")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the previous page")]
Search = Annotated[str | None, Query(max_length=200, description="Only items with this text in their name")]


class Page(BaseModel, Generic[ItemT]):
    """A page of items, with the cursor of the next page."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    items: list[ItemT]
    total: int
    """Number of matching items on all pages."""
    next_cursor: str | None
    """Value of `cursor` for the next page; null on the last one."""


class Listed(Protocol):
    """A row of a listed table."""

    id: Any
    created_at: Any


RowT = TypeVar("RowT", bound=Listed)


async def newest_first(
    session: AsyncSession, query: Select[RowT], table: type[RowT], *, limit: int, cursor: str | None
) -> tuple[Sequence[RowT], int, str | None]:
    """A page of a query's rows; returns the rows, the total on all pages, and the next cursor."""
    page, count = _statements(query, table, after=cursor is not None)
    found = (await session.execute(page, {**_place(cursor), "most": limit + 1})).all()
    if not found and cursor is not None:  # an empty page has no row with the total
        return [], await session.scalar(count) or 0, None
    rows, total, next_cursor = _cut(found, limit)
    return [row[0] for row in rows], total, next_cursor


class Listing:
    """A list that is read so often that its statements are built only once for each combination of filters.

    SQLAlchemy processes every part of a new statement, even if it equals an earlier one; a page's has a hundred parts.
    """

    def __init__(
        self,
        owned: Select[Any],
        table: type[Listed],
        columns: Sequence[Any],
        filters: Mapping[str, ColumnElement[bool]],
    ) -> None:
        """Define a list.

        Args:
            owned: query of a user's rows, with `bindparam("user_id")`.
            table: the listed table.
            columns: columns to read.
            filters: conditions by name; each takes its value as `bindparam(name)`.
        """
        self._owned, self._table, self._columns, self._filters = owned, table, columns, filters
        self._built: dict[tuple[frozenset[str], bool], tuple[Prepared, Prepared]] = {}

    async def page(
        self,
        reading: Reading,
        filters: Mapping[str, Any],
        *,
        limit: int,
        cursor: str | None,
    ) -> tuple[Sequence[Record], int, str | None]:
        """A page, as from `newest_first`; filters whose value is None are ignored."""
        given = {name: value for name, value in filters.items() if value is not None}
        choice = (frozenset(given), cursor is not None)
        if choice not in self._built:
            query = self._owned.where(*(self._filters[name] for name in sorted(given)))
            statements = _statements(query, self._table, self._columns, after=cursor is not None)
            self._built[choice] = Prepared(statements[0]), Prepared(statements[1])
        page, count = self._built[choice]
        found = await reading.rows(page, **given, **_place(cursor), most=limit + 1)
        if not found and cursor is not None:
            return found, (await reading.rows(count, **given))[0][0], None
        return _cut(found, limit)


def _statements(
    query: Select[Any], table: type[Listed], columns: Sequence[Any] = (), *, after: bool
) -> tuple[Select[Any], Select[Any]]:
    """Statements for a page, with these columns or the query's own, and for the total."""
    count = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    keys: tuple[InstrumentedAttribute[datetime], InstrumentedAttribute[uuid.UUID]] = (table.created_at, table.id)
    if after:
        place = tuple_(bindparam("after_time", type_=keys[0].type), bindparam("after_id", type_=keys[1].type))
        query = query.where(tuple_(*keys) < place)
    if columns:
        query = query.with_only_columns(*columns, maintain_column_froms=True)
    page = (
        query.add_columns(*keys, count.correlate(None).scalar_subquery())
        .order_by(keys[0].desc(), keys[1].desc())
        .limit(bindparam("most", type_=Integer))
    )
    return page, count


def _place(cursor: str | None) -> dict[str, Any]:
    if cursor is None:
        return {}
    created_at, row_id = _read_row_cursor(cursor)
    return {"after_time": created_at, "after_id": row_id}


def _cut(found: Sequence[Any], limit: int) -> tuple[Sequence[Any], int, str | None]:
    """Cut the rows that `_statements` found to a page; return the rows, the total, and the next cursor."""
    total = found[0][-1] if found else 0
    if len(found) <= limit:
        return found, total, None
    created_at, row_id = found[limit - 1][-3:-1]
    return found[:limit], total, write_cursor([created_at.isoformat(), str(row_id)])


def matches(column: InstrumentedAttribute[str], text: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a column contains a text, ignoring case; wildcards in the text are taken literally."""
    return func.strpos(func.lower(column), func.lower(text)) > 0


def page_of_list(items: Sequence[ItemT], *, limit: int, cursor: str | None) -> Page[ItemT]:
    """A page of a list in memory; the cursor is an index."""
    start = read_number_cursor(cursor)
    end = start + limit
    return Page(
        items=list(items[start:end]), total=len(items), next_cursor=write_cursor([end]) if end < len(items) else None
    )


def write_cursor(keys: list[Any]) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(json.dumps(keys, separators=(",", ":")).encode()).decode().rstrip("=")


def read_number_cursor(cursor: str | None) -> int:
    """The number in a cursor that `write_cursor([number])` made; 0 without a cursor."""
    if cursor is None:
        return 0
    match _read_cursor(cursor):
        case [int(number)] if 0 <= number < 2**63:
            return number
        case _:
            raise _bad_cursor()


def _read_row_cursor(cursor: str) -> tuple[datetime, uuid.UUID]:
    match _read_cursor(cursor):
        case [str(created_at), str(row_id)]:
            try:
                moment = datetime.fromisoformat(created_at)
                if moment.tzinfo is not None:
                    return moment, uuid.UUID(row_id)
            except ValueError:
                pass
    raise _bad_cursor()


def _read_cursor(cursor: str) -> Any:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _bad_cursor() from None


def _bad_cursor() -> InvalidRequestError:
    return InvalidRequestError.of(
        [Fault("cursor", "is not a cursor of this list; use next_cursor of the previous page, or omit it")],
        code="invalid_cursor",
    )
