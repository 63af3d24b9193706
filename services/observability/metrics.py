"""Prometheus metrics, through Ray's exporter on every node (`ray_lim_...`). Off until a process enables them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import DATASET_STATUSES, JOB_STATUSES, Dataset, Job
from services.jobs.kinds.registry import KINDS

_SECONDS: Final = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]


@dataclass(frozen=True, slots=True)
class _Instruments:
    requests: Any
    request_s: Any
    streams: Any
    jobs: Any
    queue_age_s: Any
    datasets: Any
    rounds_s: Any
    failed_rounds: Any
    late_s: Any
    loop_lag_s: Any


_instruments: list[_Instruments] = []
_open_streams = 0


def enable() -> None:
    """Start exporting metrics from this process, which must be connected to Ray. Idempotent."""
    if _instruments:
        return
    from ray.util.metrics import Counter, Gauge, Histogram

    _instruments.append(
        _Instruments(
            requests=Counter("lim_http_requests", "Requests answered.", ("method", "route", "status")),
            request_s=Histogram(
                "lim_http_request_seconds", "Time to the end of an answer.", _SECONDS, ("method", "route")
            ),
            streams=Gauge("lim_event_streams", "Event streams that are open."),
            jobs=Gauge("lim_jobs", "Jobs.", ("type", "status")),
            queue_age_s=Gauge("lim_queue_age_seconds", "How long the oldest queued job has waited."),
            datasets=Gauge("lim_datasets", "Datasets.", ("status",)),
            rounds_s=Gauge("lim_background_seconds", "Time of the last round of a task of the hub.", ("task",)),
            failed_rounds=Counter("lim_background_failures", "Rounds of a task of the hub that failed.", ("task",)),
            late_s=Gauge(
                "lim_background_late_seconds", "Time since a round of a task of the hub last succeeded.", ("task",)
            ),
            loop_lag_s=Gauge("lim_hub_loop_lag_seconds", "How much later than asked for the hub's event loop woke up."),
        )
    )


def request_answered(method: str, route: str, status: int, wall_s: float, *, stream: bool = False) -> None:
    """Count a request; the duration of a stream is meaningless and left out."""

    def tell(to: _Instruments) -> None:
        to.requests.inc(1, {"method": method, "route": route, "status": str(status)})
        if not stream:
            to.request_s.observe(wall_s, {"method": method, "route": route})

    _tell(tell)


def streams_changed(by: int) -> None:
    """Count an event stream that was opened (1) or has ended (-1)."""
    global _open_streams
    _open_streams += by
    count = _open_streams
    _tell(lambda to: to.streams.set(count))


def round_ended(task: str, wall_s: float, failed: bool) -> None:
    """Count a round of a task of the hub that succeeded or failed."""

    def tell(to: _Instruments) -> None:
        to.rounds_s.set(wall_s, {"task": task})
        if failed:
            to.failed_rounds.inc(1, {"task": task})

    _tell(tell)


def background_late(late_s: Mapping[str, float], loop_lag_s: float) -> None:
    """Export the lateness of each task of the hub and of its event loop, in seconds."""

    def tell(to: _Instruments) -> None:
        for task, seconds in late_s.items():
            to.late_s.set(seconds, {"task": task})
        to.loop_lag_s.set(loop_lag_s)

    _tell(tell)


async def count_rows(session: AsyncSession) -> None:
    """Export jobs and datasets by state, and the waiting time of the oldest queued job."""
    if not _instruments:
        return
    jobs = {
        (row.type, row.status): row.rows
        for row in await session.execute(
            select(Job.type, Job.status, func.count().label("rows")).group_by(Job.type, Job.status)
        )
    }
    datasets = {
        row.status: row.rows
        for row in await session.execute(
            select(Dataset.status, func.count().label("rows"))
            .where(Dataset.deleted_at.is_(None))
            .group_by(Dataset.status)
        )
    }
    age = func.extract("epoch", func.now() - func.min(Job.queued_at))
    waited_s = await session.scalar(select(age).where(Job.status == "queued"))
    _tell(lambda to: _tell_counts(to, jobs, datasets, float(waited_s or 0.0)))


def _tell_counts(
    to: _Instruments, jobs: Mapping[tuple[str, str], int], datasets: Mapping[str, int], waited_s: float
) -> None:
    for kind in KINDS:
        for status in JOB_STATUSES:
            to.jobs.set(jobs.get((kind, status), 0), {"type": kind, "status": status})
    for status in DATASET_STATUSES:
        to.datasets.set(datasets.get(status, 0), {"status": status})
    to.queue_age_s.set(waited_s)


def _tell(what: Callable[[_Instruments], None]) -> None:
    for instruments in _instruments:
        what(instruments)
