"""Events of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

EventKind = Literal["status", "metric", "log", "artifact"]


def now_rfc3339() -> str:
    """The current time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run.

    `key` names the event within its run (`train/120`, `evaluation/test/base`). A resumed run repeats the events between
    its last checkpoint and the crash; readers drop events whose key they already have.
    """

    kind: EventKind
    key: str
    data: Mapping[str, Any]
    time: str = field(default_factory=now_rfc3339)

    def to_json(self) -> dict[str, Any]:
        """The event as a JSON object."""
        return asdict(self)


class EventSink(Protocol):
    """Receiver of a run's events. Must not block the run for long."""

    def emit(self, event: Event) -> None:
        """Receive one event; may buffer it."""

    def flush(self) -> None:
        """Persist buffered events."""


class MemorySink:
    """Keeps events in a list; for notebooks and tests."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Append the event."""
        self.events.append(event)

    def flush(self) -> None:
        """Nothing is buffered."""


class TeeSink:
    """Passes each event to several sinks."""

    def __init__(self, *sinks: EventSink) -> None:
        self._sinks = sinks

    def emit(self, event: Event) -> None:
        """Pass the event to every sink."""
        for sink in self._sinks:
            sink.emit(event)

    def flush(self) -> None:
        """Flush every sink."""
        for sink in self._sinks:
            sink.flush()
