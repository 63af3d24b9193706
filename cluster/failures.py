"""Record why a driver failed in its run's events, where the platform reads it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from cluster.errors import ClusterError
from engine.errors import EngineError
from engine.run.events import Event, EventSink


@contextlib.contextmanager
def failure_told(events: EventSink) -> Iterator[None]:
    """Record an error that passes through this context; it is raised again."""
    try:
        yield
    except (EngineError, ClusterError) as error:
        tell_failure(events, error)
        raise


def tell_failure(events: EventSink, error: Exception) -> None:
    """Record an error; each time is another event."""
    events.emit(Event("log", f"{time.time_ns():x}/error", {"level": "error", "message": str(error)}))
