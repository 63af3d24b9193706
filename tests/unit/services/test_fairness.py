"""Whose job is next."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from services.database.models import Job
from services.jobs.fairness import in_turn

ADA, BOB, CAI = (uuid.UUID(int=number) for number in (1, 2, 3))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job(name: str, user: uuid.UUID, minute: int, priority: int = 0) -> Job:
    return Job(id=uuid.uuid4(), name=name, user_id=user, queued_at=NOON + timedelta(minutes=minute), priority=priority)


def names(jobs: list[Job]) -> list[str]:
    return [each.name for each in jobs]


def test_one_user_is_served_in_order() -> None:
    jobs = [job("b", ADA, 2), job("a", ADA, 1), job("c", ADA, 3)]
    assert names(in_turn(jobs, {})) == ["a", "b", "c"]


def test_who_comes_after_a_thousand_jobs_waits_for_one() -> None:
    jobs = [job(f"ada {number}", ADA, number) for number in range(1000)] + [job("bob", BOB, 5000)]
    assert names(in_turn(jobs, {}))[:3] == ["ada 0", "bob", "ada 1"]
    assert names(in_turn(jobs, {ADA: 1}))[0] == "bob"


def test_who_waits_longest_is_first_among_equals() -> None:
    jobs = [job("cai", CAI, 1), job("ada", ADA, 2), job("bob", BOB, 3), job("cai again", CAI, 4)]
    assert names(in_turn(jobs, {})) == ["cai", "ada", "bob", "cai again"]


def test_a_priority_is_among_ones_own() -> None:
    jobs = [job("ada", ADA, 1), job("ada urgent", ADA, 9, priority=5), job("bob", BOB, 2, priority=-5)]
    assert names(in_turn(jobs, {})) == ["ada urgent", "bob", "ada"]
