"""The hub's tasks, each in its own loop: one that hangs, fails or computes must not stop the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, update

from services.api.context import Services
from services.background import Background, BackgroundTask
from services.database.engine import open_session
from services.database.heartbeats import LATE_AFTER
from services.database.models import Heartbeat
from services.database.notify import WORK, Listener
from tests.integration.services.visitors import Visitor


@asynccontextmanager
async def running(services: Services, limit_s: float, **rounds: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    async with open_session(services.sessions) as session:
        await session.execute(delete(Heartbeat))
        await session.commit()
    work = Listener(services.settings.database_url, WORK)
    tasks = [BackgroundTask(name, round, 0.05, limit_s) for name, round in rounds.items()]
    background = Background(services.sessions, work, tasks)
    background.start()
    try:
        yield
    finally:
        await background.close()
        await work.close()


async def readiness(visitor: Visitor) -> dict[str, Any]:
    found: dict[str, Any] = (await visitor.http.get("http://test/readyz")).json()
    return found


async def test_a_task_that_hangs_is_cancelled_and_stops_no_other(services: Services, ada: Visitor) -> None:
    went, began = asyncio.Event(), 0
    rounds = 0

    async def hangs() -> None:
        nonlocal began
        began += 1
        if began == 2:
            went.set()
        await asyncio.Event().wait()

    async def breaks() -> None:
        raise ValueError("postgresql://ada:secret@host")

    async def works() -> None:
        nonlocal rounds
        rounds += 1

    async with running(services, 0.5, hangs=hangs, breaks=breaks, works=works):
        async with asyncio.timeout(20):
            await went.wait()  # the round that hung was cancelled: another one began
            while not {"hangs", "breaks", "works"} <= (await readiness(ada))["background"].keys():
                await asyncio.sleep(0.05)
        shown = (await readiness(ada))["background"]
    assert rounds >= 3
    told = "the last round failed"  # no names of classes, hosts or users: anybody may ask
    assert (shown["hangs"]["error"], shown["breaks"]["error"], shown["works"]["error"]) == (told, told, None)
    assert shown["works"]["period_s"] == 0.05
    assert "secret" not in str(shown)


async def test_a_late_task_degrades_readiness_and_all_late_ones_end_it(services: Services, ada: Visitor) -> None:
    async def works() -> None:
        return

    async with running(services, 5.0, jobs=works, datasets=works):
        async with asyncio.timeout(20):
            while len((await readiness(ada))["background"]) < 2:
                await asyncio.sleep(0.05)

    async def late(*names: str) -> dict[str, Any]:
        async with open_session(services.sessions) as session:
            earlier = Heartbeat.at - LATE_AFTER - timedelta(seconds=5)
            await session.execute(update(Heartbeat).where(Heartbeat.name.in_(names)).values(at=earlier))
            await session.commit()
        return await readiness(ada)

    assert (await late())["status"] == "ready"
    one = await late("datasets")
    assert (one["status"], one["dependencies"]["hub"]) == ("degraded", "degraded")
    assert (one["background"]["datasets"]["is_late"], one["background"]["jobs"]["is_late"]) == (True, False)
    assert one["background"]["datasets"]["late_s"] > LATE_AFTER.total_seconds()
    both = await late("jobs")
    assert (both["status"], both["dependencies"]["hub"]) == ("not_ready", "not_ready")


async def test_tasks_of_an_earlier_release_are_forgotten(services: Services, ada: Visitor) -> None:
    async def works() -> None:
        return

    async with running(services, 5.0, works=works):
        async with open_session(services.sessions) as session:
            session.add(Heartbeat(name="gone", at=datetime.now(UTC), wall_s=0.1))
            await session.commit()
        async with asyncio.timeout(20):
            while (await readiness(ada))["background"].keys() != {"works"}:
                await asyncio.sleep(0.05)
