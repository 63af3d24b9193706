"""What works in the background writes down that it does: when it last went through, how long it took, what failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import Heartbeat

LATE_AFTER: Final = timedelta(seconds=60)
"""Without a sign of life for this long, something is wrong."""
_LONGEST_ERROR: Final = 500


async def beat(session: AsyncSession, name: str, wall_s: float, error: BaseException | None) -> None:
    """Write down one round of a task; not committed."""
    now = datetime.now(UTC)
    values = {"name": name, "at": now, "wall_s": wall_s}
    if error is None:
        values |= {"error": None}
    else:
        values |= {"error": f"{type(error).__name__}: {error}"[:_LONGEST_ERROR].replace("\0", ""), "failed_at": now}
    rest = {key: value for key, value in values.items() if key != "name"}
    await session.execute(
        insert(Heartbeat).values(**values).on_conflict_do_update(index_elements=[Heartbeat.name], set_=rest)
    )


async def heartbeats(session: AsyncSession) -> Sequence[Heartbeat]:
    """The last round of every task, by its name."""
    return (await session.scalars(select(Heartbeat).order_by(Heartbeat.name))).all()


def is_late(last: Heartbeat | None) -> bool:
    """Whether a task has not been heard of for too long."""
    return last is None or datetime.now(UTC) - last.at > LATE_AFTER
