"""A job's log: search, levels, and windows of it for a scrollbar."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import JobEvent

Level = Literal["debug", "info", "notice", "warning", "error"]
_LEVELS: Final[Sequence[Level]] = ("debug", "info", "notice", "warning", "error")
_PIECE_LINES: Final = 1000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines."""

    q: str | None = None
    """Only lines with this text in their message, in any case."""
    level: Level | None = None
    """Only lines of this severity or more."""

    def conditions(self, job_id: uuid.UUID) -> list[ColumnElement[bool]]:
        """The conditions on events."""
        found: list[ColumnElement[bool]] = [JobEvent.job_id == job_id, JobEvent.kind == "log"]
        if self.q:
            message = func.lower(JobEvent.data["message"].astext)
            found.append(func.strpos(message, func.lower(self.q)) > 0)
        if self.level is not None:
            less = _LEVELS[: _LEVELS.index(self.level)]
            found.append(func.coalesce(JobEvent.data["level"].astext, "info").not_in(less))
        return found


@dataclass(frozen=True, slots=True)
class Window:
    """Which of the matching lines."""

    limit: int
    newest_first: bool = False
    after: int | None = None
    """Only lines with a larger sequence number."""
    before: int | None = None
    """Only lines with a smaller sequence number."""
    offset: int = 0
    """Skip this many."""


async def count_lines(session: AsyncSession, job_id: uuid.UUID, wanted: Filter) -> int:
    """Number of lines that match."""
    query = select(func.count()).select_from(JobEvent).where(*wanted.conditions(job_id))
    return await session.scalar(query) or 0


async def lines_of(session: AsyncSession, job_id: uuid.UUID, wanted: Filter, window: Window) -> Sequence[JobEvent]:
    """Lines that match, in the window's order."""
    query = select(JobEvent).where(*wanted.conditions(job_id))
    if window.after is not None:
        query = query.where(JobEvent.seq > window.after)
    if window.before is not None:
        query = query.where(JobEvent.seq < window.before)
    query = query.order_by(JobEvent.seq.desc() if window.newest_first else JobEvent.seq)
    return (await session.scalars(query.offset(window.offset).limit(window.limit))).all()


async def as_text(session: AsyncSession, job_id: uuid.UUID, wanted: Filter) -> AsyncIterator[str]:
    """All matching lines as text, in pieces."""
    after = 0
    while True:
        rows = await lines_of(session, job_id, wanted, Window(_PIECE_LINES, after=after))
        if not rows:
            return
        yield "".join(_line(row.time, row.data) for row in rows)
        after = rows[-1].seq


def _line(time: datetime, data: dict[str, Any]) -> str:
    message = str(data.get("message", "")).replace("\n", "\n    ")
    return f"{time.isoformat(timespec='milliseconds')} {str(data.get('level', 'info')).upper():7} {message}\n"
