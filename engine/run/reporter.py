"""Report what a stage does, as events of its run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Literal

from engine.run.events import Event, EventSink
from engine.run.provenance.digests import file_sha256

Level = Literal["info", "notice", "warning", "error"]


class Reporter:
    """Reports phases, messages and files of one attempt at a stage, and collects its warnings."""

    def __init__(self, events: EventSink, *, prefix: str = "", is_silent: bool = False) -> None:
        """A reporter of a new attempt.

        Args:
            events: receives the reports.
            prefix: of the keys of messages, such as `evaluation/`.
            is_silent: collect warnings, but emit nothing; so that of several workers only the first one reports.
        """
        self._events, self._prefix, self._is_silent = events, prefix, is_silent
        self._attempt = f"{time.time_ns():x}"
        self.warnings: list[str] = []
        """Warnings so far."""

    def phase(self, name: str, **more: str | int) -> None:
        """The attempt enters a phase; entering the last one, `done`, flushes the events."""
        self.emit(Event("status", f"{self._attempt}/{name}", {"phase": name, "process": os.getpid(), **more}))
        if name == "done":
            self.flush()

    def progress(self, done: int, **measured: Any) -> None:
        """The attempt has done so many of its examples."""
        self.emit(Event("metric", f"{self._attempt}/progress/{done}", measured))

    def say(self, level: Level, key: str, message: str, **more: Any) -> None:
        """A message for people, with what programs may read of it."""
        self.emit(Event("log", self._prefix + key, {**more, "level": level, "message": message}))

    def warn(self, key: str, message: str) -> None:
        """A message that the result repeats."""
        self.warnings.append(message)
        self.say("warning", key, message)

    def artifact(self, name: str, kind: str, path: Path) -> None:
        """A file was stored under its name."""
        self.emit(artifact(name, kind, path))

    def emit(self, event: Event) -> None:
        """Any other event."""
        if not self._is_silent:
            self._events.emit(event)

    def flush(self) -> None:
        """Persist what was reported."""
        if not self._is_silent:
            self._events.flush()


def artifact(name: str, kind: str, path: Path, version: str = "") -> Event:
    """The event that a file was stored.

    Args:
        name: of the file in the run's store.
        kind: such as `plot`.
        path: of a local copy.
        version: of a file that a resumed run stores again with another content.
    """
    data = {"name": name, "kind": kind, "key": name, "size": path.stat().st_size, "sha256": file_sha256(path)}
    return Event("artifact", f"artifact/{name}" + (f"/{version}" if version else ""), data)
