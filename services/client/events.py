"""Messages of an event stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx_sse


@dataclass(frozen=True, slots=True)
class Event:
    """One message of a stream of job events or notifications."""

    sequence: int
    """Number of the event, from 1; a stream can resume after it."""
    kind: str
    data: Mapping[str, Any]


def numbered(source: httpx_sse.EventSource) -> Iterator[Event]:
    """The events of a stream; messages without a number are ignored."""
    for message in source.iter_sse():
        if message.data and message.id.isdigit():
            yield Event(int(message.id), message.event, json.loads(message.data))
