"""Who starts next, and what the others are told: the same decision."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.jobs.queue import Limits, has_labels, lane_places, places
from services.jobs.room import Capacity

ADA, BOB, CAI = (uuid.UUID(int=number) for number in (1, 2, 3))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NO_LIMITS = Limits()


@dataclass(frozen=True)
class Waiting:
    name: str
    user_id: uuid.UUID
    queued_at: datetime
    priority: int = 0
    resources: Mapping[str, Any] = field(default_factory=dict)
    id: uuid.UUID = field(default_factory=uuid.uuid4)


def job(name: str, user: uuid.UUID, minute: int, priority: int = 0, **resources: Any) -> Waiting:
    return Waiting(name, user, NOON + timedelta(minutes=minute), priority, resources)


def told(
    queued: Sequence[Waiting],
    running: Sequence[Waiting] = (),
    cpus: float = 2,
    limits: Limits = NO_LIMITS,
    nodes: Sequence[Mapping[str, str]] | None = None,
) -> list[tuple[str, str]]:
    found = places(queued, running, {}, Capacity(cpus, 0), limits, nodes)
    assert [place.position for place in found] == list(range(1, len(found) + 1))
    return [(place.job.name, place.reason) for place in found]


def test_a_full_cluster_holds_the_next_one_and_those_behind_it() -> None:
    queued = [job("ada 1", ADA, 1), job("ada 2", ADA, 2), job("bob", BOB, 3), job("ada 3", ADA, 4)]
    assert told(queued, [job("runs", CAI, 0)]) == [
        ("ada 1", "starting"),
        ("bob", "resources"),
        ("ada 2", "other_earlier"),
        ("ada 3", "own_earlier"),
    ]


def test_what_is_free_is_what_is_left_at_its_turn() -> None:
    [first, second] = places(
        [job("small", ADA, 1, cpus_per_worker=2), job("big", ADA, 2, num_workers=3)], [], {}, Capacity(4, 0), NO_LIMITS
    )
    assert (first.reason, first.free.cpus) == ("starting", 4)
    assert (second.reason, second.need.cpus, second.free.cpus) == ("resources", 3, 2)


def test_limits_of_a_user_and_of_all() -> None:
    queued = [job("ada 1", ADA, 1), job("ada 2", ADA, 2), job("bob", BOB, 3)]
    runs = [job("runs", ADA, 0)]
    assert told(queued, runs, cpus=9, limits=Limits(running_per_user=2)) == [
        ("bob", "starting"),
        ("ada 1", "starting"),
        ("ada 2", "user_limit"),
    ]
    assert told(queued, runs, cpus=9, limits=Limits(running=2)) == [
        ("bob", "starting"),
        ("ada 1", "platform_limit"),
        ("ada 2", "own_earlier"),
    ]


def test_a_user_who_has_half_waits_while_others_do() -> None:
    half = [job("runs", ADA, 0, num_workers=2)]
    assert told([job("ada", ADA, 1), job("bob", BOB, 2, num_workers=3)], half, cpus=4) == [
        ("bob", "resources"),
        ("ada", "other_earlier"),
    ]
    assert told([job("ada", ADA, 1), job("bob", BOB, 2, num_workers=9)], half, cpus=4) == [
        ("bob", "no_node"),
        ("ada", "fair_share"),
    ]
    assert told([job("ada", ADA, 1)], half, cpus=4) == [("ada", "starting")]


def test_who_waits_for_a_node_does_not_hold_the_others() -> None:
    queued = [
        job("big", ADA, 1, num_workers=3),
        job("labelled", ADA, 2, label_selector={"site": "lab"}),
        job("small", ADA, 3),
    ]
    assert told(queued, nodes=[{"site": "office"}]) == [
        ("big", "no_node"),
        ("labelled", "no_node"),
        ("small", "starting"),
    ]
    assert told(queued[1:], nodes=[{}, {"site": "lab"}])[0] == ("labelled", "starting")


def test_labels_must_be_on_one_node() -> None:
    nodes = [{"a": "1"}, {"b": "2"}]
    assert has_labels({"a": "in(1, 3)"}, nodes)
    assert not has_labels({"a": "1", "b": "2"}, nodes)
    assert not has_labels({"a": "1"}, [])
    assert has_labels({"a": "1"}, None)


def test_a_row_that_cannot_be_read_holds_nobody() -> None:
    queued = [job("bad", ADA, 1, num_workers="many"), job("good", ADA, 2)]
    assert told(queued) == [("bad", "unreadable"), ("good", "starting")]


def test_a_lane_keeps_a_slot_for_others() -> None:
    queued = [job("ada 1", ADA, 1), job("ada 2", ADA, 2), job("bob", BOB, 3), job("cai", CAI, 4)]
    found = lane_places(queued, [job("runs", ADA, 0)], {}, 3)
    assert [(place.job.name, place.reason) for place in found] == [
        ("bob", "starting"),
        ("cai", "starting"),
        ("ada 1", "slots"),
        ("ada 2", "user_limit"),
    ]
