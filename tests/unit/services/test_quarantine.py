"""Items that fail or hang: each waits ever longer, and is given up in the end; the others go on."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from cluster.errors import ObjectStorageError
from services import quarantine
from services.errors import UnavailableError
from services.quarantine import Quarantine

BAD, GOOD = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "_FIRST_PAUSE_S", 0.0)


class Told:
    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def __call__(self, reason: str) -> None:
        self.reasons.append(reason)


async def breaks() -> None:
    raise KeyError("stage")


async def hangs() -> None:
    await asyncio.Event().wait()


async def works() -> None:
    return


async def test_an_item_that_always_fails_is_given_up_once_with_its_reason() -> None:
    told, items = Told(), Quarantine("job", 1.0, 3)
    for _ in range(2):
        await items.look(BAD, breaks, told)
    assert told.reasons == []
    await items.look(BAD, breaks, told)
    assert told.reasons == ["a fault of the platform (KeyError), which its log names"]


async def test_a_success_in_between_starts_the_count_anew() -> None:
    told, items = Told(), Quarantine("job", 1.0, 2)
    for look in (breaks, works, breaks):
        await items.look(BAD, look, told)
    assert told.reasons == []


@pytest.mark.parametrize("error", [UnavailableError("away"), ObjectStorageError("away"), ConnectionError("away")])
async def test_an_outage_is_no_items_fault(error: Exception) -> None:
    told, items = Told(), Quarantine("job", 1.0, 2)

    async def away() -> None:
        raise error

    for _ in range(9):
        await items.look(BAD, away, told)
    assert told.reasons == []


async def test_an_item_that_hangs_is_given_up_only_while_others_succeed() -> None:
    told, items = Told(), Quarantine("job", 0.01, 3)
    for _ in range(6):
        await items.look(BAD, hangs, told)
    assert told.reasons == []  # perhaps everything hangs
    for _ in range(3):
        await items.look(GOOD, works, told)
        await items.look(BAD, hangs, told)
    assert told.reasons == ["it took longer than 0 s"]


async def test_what_failed_a_moment_ago_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "_FIRST_PAUSE_S", 60.0)
    told, items, looks = Told(), Quarantine("job", 1.0), 0

    async def counted() -> None:
        nonlocal looks
        looks += 1
        await breaks()

    for _ in range(5):
        await items.look(BAD, counted, told)
    assert looks == 1


async def test_what_cannot_be_given_up_is_tried_again() -> None:
    items, asked = Quarantine("job", 1.0, 1), 0

    async def refuses(_: str) -> None:
        nonlocal asked
        asked += 1
        raise ValueError("no")

    for _ in range(2):
        await items.look(BAD, breaks, refuses)
    assert asked == 2
