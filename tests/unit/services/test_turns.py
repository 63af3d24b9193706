"""Users take turns, however much one of them has."""

from __future__ import annotations

import time
import uuid

from services.turns import Turns

ADA, BOB = uuid.UUID(int=1), uuid.UUID(int=2)


def items(user: uuid.UUID, count: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    return [(user, uuid.UUID(int=user.int * 100_000 + number)) for number in range(count)]


def test_a_user_with_many_delays_another_by_one() -> None:
    turns, waiting = Turns(), [*items(ADA, 50), *items(BOB, 1)]
    served = []
    for _ in range(3):
        user, item = turns.order(waiting)[0]
        turns.serve(user, item)
        waiting.remove((user, item))
        served.append(user)
    assert served == [ADA, BOB, ADA]


def test_nobodys_item_is_left_out_when_a_round_ends_early() -> None:
    turns, waiting = Turns(), [*items(ADA, 10), *items(BOB, 4)]
    served = set()
    for _ in range(5):  # rounds of four
        for user, item in turns.order(waiting)[:4]:
            turns.serve(user, item)
            served.add(item)
    assert served == {item for _, item in waiting}


def test_whoever_comes_later_is_first() -> None:
    turns, waiting = Turns(), items(ADA, 3)
    turns.serve(*waiting[0])
    assert turns.order([*waiting, *items(BOB, 2)])[0][0] == BOB
    assert [item for user, item in turns.order(waiting) if user == ADA] == [
        waiting[1][1],
        waiting[2][1],
        waiting[0][1],
    ]


def test_thousands_are_ordered_in_no_time() -> None:
    waiting = [pair for number in range(1, 101) for pair in items(uuid.UUID(int=number), 200)]
    started_s = time.process_time()
    assert len(Turns().order(waiting)) == 20_000
    assert time.process_time() - started_s < 2.0
