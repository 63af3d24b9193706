"""A session that loses its server says so, whenever it happens: while it connects, works or closes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from services.database.engine import Sessions, open_session
from services.errors import UnavailableError

LOST = OperationalError("SELECT 1", {}, ConnectionResetError("the server closed the connection"))


class _Session:
    """A session on a server that dies at one point."""

    def __init__(self, at: str, error: Exception) -> None:
        self._at, self._error = at, error

    async def connection(self, **_: Any) -> None:
        self._die("connect")

    async def work(self) -> None:
        self._die("work")

    def _die(self, at: str) -> None:
        if self._at == at:
            raise self._error

    @asynccontextmanager
    async def opened(self) -> Any:
        yield self
        self._die("close")


@pytest.mark.parametrize("at", ["connect", "work", "close"])
@pytest.mark.parametrize("error", [LOST, ConnectionResetError("reset"), TimeoutError()])
async def test_a_server_that_goes_away_is_unavailable(at: str, error: Exception) -> None:
    session = _Session(at, error)
    with pytest.raises(UnavailableError) as raised:
        async with open_session(cast(Sessions, session.opened)) as opened:
            await cast(_Session, opened).work()
    assert raised.value.code == "database_unavailable"


@pytest.mark.parametrize("at", ["connect", "work", "close"])
async def test_a_wrong_statement_is_not_an_absent_server(at: str) -> None:
    class Wrong(Exception):
        sqlstate = "42601"

    with pytest.raises(DBAPIError):
        async with open_session(cast(Sessions, _Session(at, DBAPIError("x", {}, Wrong())).opened)) as opened:
            await cast(_Session, opened).work()


async def test_an_error_of_the_caller_s_files_is_not_the_database_s() -> None:
    with pytest.raises(PermissionError):
        async with open_session(cast(Sessions, _Session("", LOST).opened)):
            raise PermissionError("no")
