"""A PostgreSQL, an object store and actors whose processes are really killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import ray
from ray.util.state import list_actors

from cluster.storage.embedded import EmbeddedS3
from services.database.embedded import EmbeddedPostgres

_ENDS_S = 10.0


class KillablePostgres:
    """The embedded server of a home; killed, it leaves what a crash leaves."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._server = EmbeddedPostgres.start(home)
        self.url = self._server.url

    def kill(self) -> None:
        """SIGKILL for the postmaster and everything that it started."""
        record = (self._home / "postgres" / "postmaster.pid").read_text(encoding="ascii")
        _kill(psutil.Process(int(record.splitlines()[0])))

    def start(self) -> None:
        """Start it again; the addresses of before are good again."""
        self._server = EmbeddedPostgres.start(self._home)
        assert self._server.url == self.url

    def stop(self) -> None:
        """End it in order."""
        self._server.stop()


class KillableS3:
    """The embedded object store of a home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._server = EmbeddedS3.start(home)
        self.settings = self._server.settings

    def kill(self) -> None:
        """SIGKILL for rclone; who keeps it sees that it has ended, and ends too."""
        servers = [process for process in processes_called("rclone") if str(self._home / "s3") in process.cmdline()]
        assert len(servers) == 1, servers
        _kill(servers[0])

    def start(self) -> None:
        """Start it again, on the same port, with the same keys and files."""
        crashed, self._server = self._server, EmbeddedS3.start(self._home)
        assert (self._server.started, self._server.settings) == (True, self.settings)
        crashed.stop()

    def stop(self) -> None:
        """End it in order."""
        self._server.stop()


def processes_called(name: str) -> list[psutil.Process]:
    """Processes of a name among those that this one has started, and those that they have."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # others come and go meanwhile
            if process.name() == name:
                found.append(process)
    return found


@contextmanager
def kept_environment() -> Iterator[None]:
    """What is set meanwhile, as a cluster of our own does, is not there for the tests that follow."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def serve_pids(kind: str) -> set[int]:
    """Processes of Ray Serve's actors of a kind: `ServeReplica`, `ServeController`."""
    address = ray.get_runtime_context().gcs_address  # there may be other clusters on this machine
    actors = list_actors(address, filters=[("state", "=", "ALIVE"), ("ray_namespace", "=", "serve")])
    return {actor.pid for actor in actors if actor.class_name.startswith(kind) and actor.pid}


def kill_actor(pid: int) -> None:
    """SIGKILL for an actor's process."""
    os.kill(pid, signal.SIGKILL)


def until_others(kind: str, gone: set[int], count: int, timeout_s: float = 90.0) -> set[int]:
    """Wait until as many actors of a kind are there, none of them in a process that is gone."""
    deadline = time.monotonic() + timeout_s
    while len(pids := serve_pids(kind) - gone) < count:
        assert time.monotonic() < deadline, (kind, pids)
        time.sleep(0.2)
    return pids


def _kill(process: psutil.Process) -> None:
    family = [process, *process.children(recursive=True)]
    for member in family:
        with suppress(
            psutil.NoSuchProcess
        ):  # a backend of PostgreSQL ends with its connection, and with the postmaster
            member.kill()
    _, alive = psutil.wait_procs(family, timeout=_ENDS_S)
    assert not alive, alive
