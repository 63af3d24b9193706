"""Positions in the stream of everything that changes: what a reader sends as `Last-Event-ID`."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 2000
MOST_JOBS: Final = 20
"""Maximum number of jobs whose events a stream includes."""
_NUMBER: Final = r"[0-9]{1,18}"
_POSITION: Final = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})((?:\.[0-9a-f]{{32}}-{_NUMBER}){{0,{MOST_JOBS}}})"
)
JOB_PATTERN: Final = rf"^[0-9a-fA-F]{{8}}-([0-9a-fA-F]{{4}}-){{3}}[0-9a-fA-F]{{12}}(:{_NUMBER})?$"
"""A job to follow, by its id, optionally with the number of its last known event."""


@dataclass(frozen=True, slots=True)
class Position:
    """A point of a user's stream."""

    transaction: int
    """Everything of earlier transactions has been told."""
    notification: int
    """Number of the last notification that has been told."""
    told_s: int
    """When the event with this position was sent, in seconds since 1970."""
    jobs: Mapping[uuid.UUID, int] = field(default_factory=dict)
    """Number of the last event told, by job."""

    def __str__(self) -> str:
        jobs = "".join(f".{job.hex}-{seq}" for job, seq in self.jobs.items())
        return f"{self.transaction}.{self.notification}.{self.told_s}{jobs}"

    @classmethod
    def read(cls, text: str) -> Position | None:
        """Parse a position; None: it is none."""
        match = _POSITION.fullmatch(text.strip())
        if match is None:
            return None
        transaction, notification, told_s, jobs = match.groups()
        told = (part.split("-") for part in jobs.split(".")[1:])
        return cls(
            int(transaction), int(notification), int(told_s), {uuid.UUID(hex=job): int(seq) for job, seq in told}
        )


def followed(asked: list[str], position: Position | None) -> dict[uuid.UUID, int | None]:
    """The jobs to follow, with the number of the last known event of each; None: only events from now on."""
    told = position.jobs if position is not None else {}
    found: dict[uuid.UUID, int | None] = {}
    for each in asked:
        job, _, seq = each.partition(":")
        job_id = uuid.UUID(job)
        found[job_id] = told.get(job_id, int(seq) if seq else None)
    return found
