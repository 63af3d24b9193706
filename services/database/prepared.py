"""Statements that are compiled once and passed straight to asyncpg, for frequent queries (docs/adr/0019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import asyncpg as with_asyncpg

from services.database.engine import AsyncpgConnection, database_unavailable, is_transient_state
from services.errors import InvalidRequestError

_DIALECT: Final = with_asyncpg.dialect()  # type: ignore[no-untyped-call]


class Prepared:
    """A statement that bypasses SQLAlchemy, whose overhead exceeds the time of asyncpg and its rows together.

    It runs on connections of the same pool; each execution stands alone, outside any transaction.
    """

    def __init__(self, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.text: Final = compiled.string
        given = compiled.params
        self._parameters = tuple((name, given[name]) for name in compiled.positiontup or ())

    async def rows(self, connection: AsyncpgConnection, values: Mapping[str, Any]) -> Sequence[asyncpg.Record]:
        """Run the statement with these parameter values and return its rows.

        Raises:
            UnavailableError: PostgreSQL cannot be reached, or the connection is lost.
            InvalidRequestError: a value that PostgreSQL cannot hold.
        """
        arguments = [values.get(name, given) for name, given in self._parameters]
        try:
            rows: Sequence[asyncpg.Record] = await connection.fetch(self.text, *arguments)
        except asyncpg.PostgresError as error:
            state = str(error.sqlstate or "")
            if is_transient_state(state):
                raise database_unavailable() from error
            if state.startswith("22"):  # data exceptions, asyncpg's own among them
                raise InvalidRequestError("The request holds a value that cannot be stored.") from error
            raise
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise database_unavailable() from error
        return rows
