"""What a job's workers used over time, as series for drawing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import JobEvent
from services.jobs.sampling import Point, Series, min_max

RESOURCES: Final = "resources"
"""Field of a metric event with a sample (`cluster.resource_use`)."""
SHOWN: Final[Mapping[str, tuple[str, str]]] = {
    "cpu_cores": ("Processor", "cores"),
    "rss_bytes": ("Memory", "bytes"),
    "gpu_percent": ("GPU", "percent"),
    "gpu_process_bytes": ("GPU memory", "bytes"),
    "gpu_memory_bytes": ("GPU memory of all processes", "bytes"),
    "host_cpu_percent": ("Processors of the host", "percent"),
    "host_memory_bytes": ("Memory of the host", "bytes"),
}
"""Title and unit of each series, in the order in which they are shown."""
LIMITS: Final = ("host_cores", "host_memory_total_bytes", "gpu_memory_total_bytes")
"""Sizes that come with each sample."""


@dataclass
class Worker:
    """The use of one worker."""

    number: int
    host: str
    gpu: str | None = None
    limits: dict[str, float] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)


async def resources_of(session: AsyncSession, job_id: uuid.UUID, most: int) -> list[Worker]:
    """The use of each worker and host over all attempts, at most `most` points each, by number and host."""
    query = (
        select(JobEvent.time, JobEvent.data[RESOURCES])
        .where(JobEvent.job_id == job_id, JobEvent.kind == "metric", JobEvent.data.has_key(RESOURCES))
        .order_by(JobEvent.seq)
    )
    workers: dict[tuple[int, str], Worker] = {}
    points: dict[tuple[int, str], dict[str, list[Point]]] = {}
    for time, sample in (await session.execute(query)).all():
        if not isinstance(sample, dict) or not isinstance(sample.get("worker"), int):
            continue
        key = (sample["worker"], str(sample.get("host", "")))
        worker = workers.setdefault(key, Worker(*key))
        worker.gpu = sample.get("gpu") or worker.gpu
        worker.limits |= {name: float(sample[name]) for name in LIMITS if _is_number(sample.get(name))}
        at = time.timestamp()
        for name in SHOWN:
            if _is_number(sample.get(name)):
                points.setdefault(key, {}).setdefault(name, []).append((at, float(sample[name]), at))
    for key, worker in workers.items():
        found = points.get(key, {})
        worker.series = {name: min_max(sorted(found[name]), most) for name in SHOWN if name in found}
    return [workers[key] for key in sorted(workers)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
