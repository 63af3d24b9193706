"""Servers of our own that end with the last process that uses them, however it ends; see `cluster.keeper`."""

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
"""Of the path of a folder for sockets: HAProxy's are longest, 81 characters below it, and 107 are allowed."""


def prepare_home(home: Path) -> Path:
    """`LIM_HOME` as a folder that nobody but this user may enter, made if it is not there.

    Raises:
        HomeError: it cannot be used; says why.
    """
    advice = "set LIM_HOME to a folder that this user can write to"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = home.stat()
        if status.st_uid == os.geteuid() and status.st_mode & 0o066:
            home.chmod(status.st_mode & 0o711)  # PostgreSQL of root runs as another user, who passes through
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
    """Start a keeper of a command in a session of its own; Ctrl-C goes to the server's users.

    Args:
        command: the server; whoever may see processes sees it, so secrets belong into `environment`.
        users: the file that its users lock; the caller holds it shared.
        log: what the command says.
        environment: of the server.
        options: more of the keeper's, as on its command line.
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
    """Take a share in the server whose users lock this file; the descriptor, which gives it up when it is closed."""
    descriptor = os.open(users, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


@dataclass(frozen=True, slots=True)
class RuntimeFolder:
    """A folder for the sockets of a server; only this user may enter it."""

    path: Path
    users: Path
    """What the server's users lock."""
    share: int
    """This process's share, a file descriptor."""


def runtime_folder(home: Path) -> RuntimeFolder:
    """A new folder with a short path: under `LIM_HOME/run` if that is short, else under /tmp.

    What earlier users left, because they and their keeper were killed at once, is removed.

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
    """`LIM_HOME/run`, for what servers need while they run; only this user may look into it."""
    run = home / _RUN
    run.mkdir(exist_ok=True, mode=0o700)
    return run


def _clear_away(run: Path) -> None:
    for users in run.glob("*.users"):
        with contextlib.suppress(OSError), users.open("r+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while anybody uses it
            folder = Path(stream.read())
            if folder.name == users.stem and not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)
            users.unlink()


# ---- who uses a server, and who keeps it ------------------------------------------------------------------


_CHILDREN: list[subprocess.Popen[bytes]] = []


def remember(keeper: subprocess.Popen[bytes]) -> None:
    """Keep the handle, so that the interpreter does not warn of a child that still runs; reap those that ended."""
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
    _CHILDREN.append(keeper)


def lives(keeper: int) -> bool:
    """Whether a keeper, by its process id, has not ended."""
    for child in _CHILDREN:
        if child.pid == keeper:
            return child.poll() is None
    try:
        return psutil.Process(keeper).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_used(users: Path) -> bool:
    """Whether any process holds a share."""
    with users.open("r+") as stream:
        for alone in (fcntl.LOCK_EX, fcntl.LOCK_SH):
            try:
                fcntl.flock(stream, alone | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            # Alone: nobody, not even the keeper, which is about to take it. Shared: others.
            return alone == fcntl.LOCK_SH
    return False  # the keeper has it: the server is ending


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read: all of it, or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(path)
