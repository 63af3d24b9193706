"""Calls that are joined while they are under way."""

from __future__ import annotations

import asyncio

import pytest

from services.api.shared_calls import SharedCalls

pytestmark = pytest.mark.unit


async def test_who_asks_for_the_same_meanwhile_shares_the_call() -> None:
    shared, calls = SharedCalls[int](), []

    async def call() -> int:
        calls.append(1)
        await asyncio.sleep(0.01)
        return len(calls)

    assert await asyncio.gather(*(shared.of("a", call) for _ in range(3)), shared.of("b", call)) == [2, 2, 2, 2]
    assert len(calls) == 2
    assert await shared.of("a", call) == 3


async def test_a_fault_is_everybodys_and_is_not_kept() -> None:
    shared, faults = SharedCalls[int](), [OSError("away")]

    async def call() -> int:
        await asyncio.sleep(0)
        if faults:
            raise faults[0]
        return 1

    told = await asyncio.gather(shared.of("a", call), shared.of("a", call), return_exceptions=True)
    assert told == [faults[0], faults[0]]
    faults.clear()
    assert await shared.of("a", call) == 1


async def test_who_goes_away_does_not_take_the_call_from_others() -> None:
    shared = SharedCalls[int]()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def call() -> int:
        begun.set()
        await go_on.wait()
        return 1

    first, second = (asyncio.create_task(shared.of("a", call)) for _ in range(2))
    await begun.wait()
    first.cancel()
    await asyncio.sleep(0)
    go_on.set()
    assert await second == 1
    assert first.cancelled()
