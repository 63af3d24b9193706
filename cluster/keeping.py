"""Embedded servers that end with the last process that uses them, however it ends; see `cluster.keeper`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from filelock import FileLock

from cluster import keeper
from cluster.errors import HomeError

_RUN: Final = "run"
_LONGEST: Final = 26
"""Longest path of a folder for sockets, in characters: HAProxy's sockets add up to 81, and 107 are allowed."""


def prepare_home(home: Path) -> Path:
    """`LIM_HOME` as a folder that only this user can read and write, created if missing.

    Raises:
        HomeError: it cannot be used; gives the reason.
    """
    advice = "set LIM_HOME to a folder that this user can write to"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = home.stat()
        if status.st_uid == os.geteuid() and status.st_mode & 0o066:
            home.chmod(status.st_mode & 0o711)  # root's PostgreSQL runs as another user, who must pass through
        with tempfile.NamedTemporaryFile(dir=home, prefix=".writable."):
            pass
    except (FileExistsError, NotADirectoryError):
        raise HomeError(f"LIM_HOME is {home}, which is a file or lies below one; {advice}") from None
    except OSError as error:
        raise HomeError(f"LIM_HOME is {home}, which cannot be used: {error.strerror}; {advice}") from None
    return home


def keep(
    command: Sequence[str],
    *,
    users: Path,
    log: Path,
    environment: Mapping[str, str],
    options: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start a keeper for a command, in its own session, so that Ctrl-C reaches only the server's users.

    Args:
        command: the server's command line; other users of the machine can read it, so secrets go into `environment`.
        users: the file that the server's users lock; the caller holds a shared lock.
        log: file for the command's output.
        environment: the server's environment.
        options: further command-line options of the keeper.
    """
    program = [sys.executable, "-I", "-S", str(Path(keeper.__file__).resolve())]
    return subprocess.Popen(
        [*program, "--users", str(users), "--log", str(log), *options, "--", *command],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if "--daemons" in options else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def share(users: Path) -> int:
    """Become a user of the server whose users lock this file; closing the returned descriptor ends the use."""
    descriptor = os.open(users, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


@dataclass(frozen=True, slots=True)
class RuntimeFolder:
    """A folder for a server's sockets; only this user may enter it."""

    path: Path
    users: Path
    """The file that the server's users lock."""
    share: int
    """File descriptor of this process's shared lock."""


def runtime_folder(home: Path) -> RuntimeFolder:
    """A new folder with a short path: under `LIM_HOME/run` if that is short enough, else under /tmp.

    Also removes folders that earlier users left behind because they were killed together with their keeper.

    Raises:
        HomeError: `LIM_HOME` cannot be used.
    """
    run = run_folder(prepare_home(home))
    with FileLock(run / "lock", mode=0o600):
        _clear_away(run)
        above = run if len(str(run)) + len("/12345678") <= _LONGEST else Path("/tmp")
        folder = Path(tempfile.mkdtemp(prefix="" if above == run else "lim-", dir=above))
        users = run / f"{folder.name}.users"
        descriptor = share(users)
        os.write(descriptor, str(folder).encode())
    return RuntimeFolder(folder, users, descriptor)


def run_folder(home: Path) -> Path:
    """`LIM_HOME/run`, for files that servers need while they run; only this user may enter it."""
    run = home / _RUN
    run.mkdir(exist_ok=True, mode=0o700)
    return run


def _clear_away(run: Path) -> None:
    for users in run.glob("*.users"):
        with contextlib.suppress(OSError), users.open("r+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while any process uses it
            folder = Path(stream.read())
            if folder.name == users.stem and not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)
            users.unlink()


# ---- users and keepers of a server ------------------------------------------------------------------------


_CHILDREN: list[subprocess.Popen[bytes]] = []


def remember(keeper: subprocess.Popen[bytes]) -> None:
    """Keep the handle, so that the interpreter does not warn about a running child; reap children that have ended."""
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
    _CHILDREN.append(keeper)


def lives(keeper: int) -> bool:
    """Whether the keeper with this process id still runs."""
    for child in _CHILDREN:
        if child.pid == keeper:
            return child.poll() is None
    try:
        return psutil.Process(keeper).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_used(users: Path) -> bool:
    """Whether any process holds a shared lock."""
    with users.open("r+") as stream:
        for alone in (fcntl.LOCK_EX, fcntl.LOCK_SH):
            try:
                fcntl.flock(stream, alone | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            # Got the exclusive lock: no users, and the keeper is about to take it. Got only the shared one: users.
            return alone == fcntl.LOCK_SH
    return False  # the keeper has the exclusive lock: the server is ending


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, atomically."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(path)
