"""Messages of an event stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx_sse


@dataclass(frozen=True, slots=True)
class Event:
    """One message of an event stream."""

    id: str
    """Its place in the stream, which can resume after it."""
    sequence: int
    """Number of a job's event or a notification, from 1; 0 in the stream of everything."""
    kind: str
    data: Mapping[str, Any]


def placed(source: httpx_sse.EventSource) -> Iterator[Event]:
    """The events of a stream; messages without a place in it are ignored."""
    for message in source.iter_sse():
        if message.data and message.id:
            sequence = int(message.id) if message.id.isdigit() else 0
            yield Event(message.id, sequence, message.event, json.loads(message.data))
