"""Predictions of a job: the best, the worst or random ones, chosen while the file is read."""

from __future__ import annotations

import hashlib
import heapq
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.metrics.registry import metric_named
from services.database.models import Artifact, Job
from services.errors import ConflictError
from services.objects import Objects

Order = Literal["best", "worst", "random"]
FILE: Final = "predictions.jsonl"
"""Artifact with a job's predictions, one JSON object per line."""
_ENDED: Final = frozenset({"succeeded", "stopped", "failed"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which predictions."""

    order: Order
    seed: int
    limit: int
    offset: int
    q: str | None = None
    """Only those with this text in their id, reference or hypothesis, in any case."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Predictions in the wanted order."""

    metric: str | None
    """Name of the metric that orders them; None: an earlier release made them, and judged no single one."""
    higher_is_better: bool
    total: int
    rows: list[dict[str, Any]]


async def predictions_file(session: AsyncSession, job: Job) -> str:
    """Key of a job's predictions in the object store.

    Raises:
        ConflictError: there are none, or none yet.
    """
    key = await session.scalar(select(Artifact.key).where(Artifact.job_id == job.id, Artifact.name == FILE))
    if key is None:
        why = "it made none" if job.status in _ENDED else f"it is {job.status}; they are there when it has ended"
        raise ConflictError(f"The job has no predictions: {why}.", code="no_predictions")
    return key


async def choose(objects: Objects, key: str, wanted: Wanted) -> Chosen:
    """Predictions of a file in the wanted order; holds only as many as are shown, and those before them.

    Raises:
        NotFoundError: the file is gone.
    """
    return await objects.reduce_lines(key, lambda lines: _chosen(lines, wanted))


def _chosen(lines: Iterator[bytes], wanted: Wanted) -> Chosen:
    metric: str | None = None
    total = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal metric, total
        for line in lines:
            if not line.strip():
                continue
            row = json.loads(line)
            metric = metric or row.get("metric")
            if wanted.q and wanted.q.lower() not in _told(row):
                continue
            total += 1
            yield row

    first = heapq.nsmallest(wanted.offset + wanted.limit, rows(), key=_key(wanted))
    is_higher = metric is not None and metric_named(metric).better == "higher"
    return Chosen(metric, is_higher, total, first[wanted.offset :])


def _key(wanted: Wanted) -> Callable[[dict[str, Any]], tuple[float, str]]:
    def shuffled(row: dict[str, Any]) -> tuple[float, str]:
        return 0.0, hashlib.sha256(f"{wanted.seed}/{row.get('id')}".encode("utf-8", "replace")).hexdigest()

    def by_value(row: dict[str, Any]) -> tuple[float, str]:
        value, name = row.get("value"), row.get("metric")
        if not isinstance(value, int | float) or name is None or not math.isfinite(value):
            return math.inf, str(row.get("id"))
        is_good_first = (metric_named(str(name)).better == "higher") == (wanted.order == "best")
        return (-value if is_good_first else value), str(row.get("id"))

    return shuffled if wanted.order == "random" else by_value


def _told(row: dict[str, Any]) -> str:
    return json.dumps([row.get(name) for name in ("id", "reference", "hypothesis")], ensure_ascii=False).lower()
