"""Heartbeats of background tasks: when the last round succeeded, how long it took, what failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import Heartbeat

LATE_AFTER: Final = timedelta(seconds=60)
"""A task is late when no round of it has succeeded for this long after the next one was due."""
_LONGEST_ERROR: Final = 500


async def beat(
    session: AsyncSession, name: str, wall_s: float, error: BaseException | None, period_s: float = 0.0
) -> None:
    """Record one round of a task; does not commit.

    Args:
        session: database session.
        name: name of the task.
        wall_s: how long the round took, in seconds.
        error: why it failed; None: it succeeded.
        period_s: longest pause between two rounds, in seconds.
    """
    now = datetime.now(UTC)
    values = {"name": name, "at": now, "wall_s": wall_s, "period_s": period_s}
    if error is None:
        changed = values | {"error": None}
    else:
        told = f"{type(error).__name__}: {error}"[:_LONGEST_ERROR].replace("\0", "")
        values |= {"error": told, "failed_at": now}
        changed = {key: value for key, value in values.items() if key != "at"}  # `at` is the last success
    await session.execute(
        insert(Heartbeat).values(**values).on_conflict_do_update(index_elements=[Heartbeat.name], set_=changed)
    )


async def forget_others(session: AsyncSession, names: Sequence[str]) -> None:
    """Remove the heartbeats of all other tasks, such as those of earlier releases; does not commit."""
    await session.execute(delete(Heartbeat).where(Heartbeat.name.not_in(names)))


async def heartbeats(session: AsyncSession) -> Sequence[Heartbeat]:
    """The last round of every task, by its name."""
    return (await session.scalars(select(Heartbeat).order_by(Heartbeat.name))).all()


def late_s(last: Heartbeat) -> float:
    """Seconds since a task's last successful round."""
    return max(0.0, (datetime.now(UTC) - last.at).total_seconds())


def is_late(last: Heartbeat | None) -> bool:
    """Whether a task's last success is overdue; None: the task has never run."""
    return last is None or late_s(last) > LATE_AFTER.total_seconds() + last.period_s
