"""Messages of an event stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx_sse


@dataclass(frozen=True, slots=True)
class Event:
    """One message of a stream: of a job's, or of notifications."""

    sequence: int
    """Its number, from 1; streams continue after it."""
    kind: str
    data: Mapping[str, Any]


def numbered(source: httpx_sse.EventSource) -> Iterator[Event]:
    """The events of a stream; messages without a number are ignored."""
    for message in source.iter_sse():
        if message.data and message.id.isdigit():
            yield Event(int(message.id), message.event, json.loads(message.data))
