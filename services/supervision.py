"""Restarts of embedded servers that die: PostgreSQL and the object store of `lim up`.

Their state is in a file next to their data, which the API reads for `GET /readyz`: a dead database cannot report it.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

RECORD: Final = "supervised.json"
_LOOK_S: Final = 0.3
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_CALM_S: Final = 60.0
"""A server that has run this long since its last restart, in seconds, restarts without backoff the next time."""
_JOIN_S: Final = 90.0
_log = logging.getLogger(__name__)


class Server(Protocol):
    """A server that can be restarted."""

    def is_running(self) -> bool:
        """Whether it is running."""
        ...

    def revive(self) -> None:
        """Restart it with the same address and data, or take over what an earlier attempt has started."""
        ...


class Standing(BaseModel):
    """State of an embedded server, which restarts automatically."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    state: Literal["running", "restarting"] = "running"
    restarts: int = 0
    """Number of restarts since the platform started."""
    died_at: datetime | None = None
    """When it was last found dead."""
    back_at: datetime | None = None
    """When it was last running again."""
    error: str | None = None
    """Error type of the last attempt to restart it; unset if that succeeded. The log has the message."""


class Supervisor:
    """Monitors and restarts servers, each in its own thread; use as a context manager while they are needed."""

    def __init__(self, servers: Mapping[str, Server], home: Path) -> None:
        self._servers = servers
        self._path = home / RECORD
        self._standings = {name: Standing() for name in servers}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, args=(name, server), name=f"supervise {name}", daemon=True)
            for name, server in servers.items()
        ]

    def __enter__(self) -> Self:
        if self._servers:
            self._write()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End monitoring and wait for restarts in progress, so that the servers can be stopped."""
        self._ended.set()
        for thread in self._threads:
            thread.join(_JOIN_S)
        if self._servers:
            self._path.unlink(missing_ok=True)

    def _watch(self, name: str, server: Server) -> None:
        starts, started_s = 0, 0.0
        while not self._ended.wait(_LOOK_S):
            try:
                if self._standings[name].state == "running":
                    if server.is_running():
                        starts = 0 if time.monotonic() - started_s > _CALM_S else starts
                        continue
                    self._tell(name, state="restarting", died_at=datetime.now(UTC))
                    _log.error("%s has died; restarting it", name)
                if self._ended.wait(pause_s(starts)):
                    return
                starts += 1
                server.revive()
            except Exception as error:  # noqa: BLE001  outermost frame of a thread that must continue
                _log.error("%s does not start; retrying in %.1f s: %s", name, pause_s(starts), error)
                self._tell(name, error=type(error).__name__)
                continue
            started_s = time.monotonic()
            restarts = self._standings[name].restarts + 1
            self._tell(name, state="running", restarts=restarts, back_at=datetime.now(UTC), error=None)
            _log.warning("%s is running again", name)

    def _tell(self, name: str, **changes: Any) -> None:
        self._standings[name] = self._standings[name].model_copy(update=changes)
        self._write()

    def _write(self) -> None:
        """Write the record. A failure, such as a full disk, is only logged: it must not affect the servers."""
        with self._lock:
            shown = {name: standing.model_dump(mode="json") for name, standing in self._standings.items()}
            draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            try:
                draft.write_text(json.dumps({"pid": os.getpid(), "servers": shown}), encoding="utf-8")
                draft.replace(self._path)
            except OSError as error:
                _log.warning("%s cannot be written: %s", self._path, error)


def pause_s(starts: int) -> float:
    """Backoff before the next restart, in seconds: 0 before the first, then doubling from 0.5 up to 30."""
    return 0.0 if starts == 0 else min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * float(2 ** min(starts - 1, 20)))


def read_standings(home: Path) -> dict[str, Standing]:
    """States of the supervised servers of a home; empty if no supervisor is running."""
    try:
        record = json.loads((home / RECORD).read_text(encoding="utf-8"))
        if not psutil.pid_exists(int(record["pid"])):
            return {}  # the process that wrote it was killed
        return {name: Standing.model_validate(standing) for name, standing in record["servers"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return {}
