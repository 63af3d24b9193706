"""Migrate a database to the newest schema, or another revision, from code: there is no alembic.ini."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from services.catalogue.models import add_shipped
from services.settings import asyncpg_url

_SCRIPTS = Path(__file__).parent / "migrations"
# Any number that nothing else in the database uses as an advisory lock.
_LOCK = 0x11E55_4A7


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url` to `revision`; concurrent calls run one after the other."""
    asyncio.run(upgrade_async(url, revision))


async def upgrade_async(url: str, revision: str = "head") -> None:
    """`upgrade` for callers that have an event loop.

    At the newest schema, the models that the software ships are added to the catalogue, too.
    """

    def run(config: Config) -> None:
        command.upgrade(config, revision)
        if revision == "head":
            add_shipped(config.attributes["connection"])

    await _with_connection(url, run)


async def downgrade_async(url: str, revision: str) -> None:
    """Downgrade the database at `url` to `revision` (`base`: no tables)."""
    await _with_connection(url, lambda config: command.downgrade(config, revision))


def head() -> str:
    """The newest revision."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "there are no migrations"
    return revision


def current(connection: Connection) -> str | None:
    """The revision that a database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


async def _with_connection(url: str, run: Callable[[Config], None]) -> None:
    engine = create_async_engine(asyncpg_url(url))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(lambda sync_connection: run(_config(sync_connection)))
    finally:
        await engine.dispose()
