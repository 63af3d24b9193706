"""A job's metrics as series for drawing, sampled in the database: no process holds all points."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from engine.metrics.registry import metric_named
from services.jobs.resources import RESOURCES
from services.jobs.sampling import Bucket, Point, Series, min_max, of_buckets

Axis = Literal["step", "seq"]
VALIDATION: Final = "validation"
_TITLES: Final = {
    "loss": ("Training loss", None),
    "learning_rate": ("Learning rate", None),
    "grad_norm": ("Gradient norm", None),
    "cost_per_s": ("Speed", None),
    "eta_s": ("Time left", "s"),
    "epoch": ("Epoch", None),
    "progress": ("Progress", None),
    "peak_bytes": ("Peak memory", "bytes"),
}
"""Title and unit of the metrics of a training."""
_ON_REQUEST: Final = frozenset({"step", "total_steps", "epoch", "progress", "eta_s"})
"""Numbers that say where the run is; only on request."""
_FIRST: Final = ("loss", f"{VALIDATION}/")
_LOOKED_AT: Final = 20
_ANY: Final = 2.0**63
_WHERE: Final = f"""
    job_id = :job_id AND kind = 'metric' AND NOT data ?| ARRAY['split', '{RESOURCES}']
"""
_X: Final = "CASE jsonb_typeof(data->'step') WHEN 'number' THEN (data->>'step')::float8 ELSE seq END"
_ENDS: Final = text(
    f"""
    (SELECT {_X} AS x, extract(epoch FROM time)::float8 AS at, data FROM job_events WHERE {_WHERE} ORDER BY seq LIMIT {_LOOKED_AT})
    UNION ALL
    (SELECT {_X}, extract(epoch FROM time)::float8, data FROM job_events WHERE {_WHERE} ORDER BY seq DESC LIMIT {_LOOKED_AT})
    """
)
_MEASURED: Final = text(
    f"""
    SELECT {_X} AS x, extract(epoch FROM time)::float8 AS at, data->'metrics' AS metrics, data->>'primary' AS primary
    FROM job_events
    WHERE job_id = :job_id AND kind = 'metric' AND data->>'split' = '{VALIDATION}' AND {_X} BETWEEN CAST(:low AS float8) AND CAST(:high AS float8)
    ORDER BY 1
    """
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a job."""

    name: str
    title: str
    unit: str | None
    x: Axis
    """What positions count: optimizer steps, or events where a job has no steps."""
    series: Series


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to draw."""

    points: int
    """Maximum number of points of a series."""
    names: frozenset[str] | None = None
    """None: all but those that only say where the run is."""
    from_step: int | None = None
    to_step: int | None = None

    def includes(self, name: str) -> bool:
        """Whether a series is wanted."""
        return name not in _ON_REQUEST if self.names is None else name in self.names


async def curves_of(session: AsyncSession, job_id: uuid.UUID, wanted: Wanted) -> list[Curve]:
    """The series of a job, loss and validation first; the caller has checked that the job is the user's."""
    ends = (await session.execute(_ENDS, {"job_id": job_id})).mappings().all()
    low = wanted.from_step if wanted.from_step is not None else -_ANY
    high = wanted.to_step if wanted.to_step is not None else _ANY
    curves = [
        *(await _reported(session, job_id, ends, wanted, low, high)),
        *(await _measured(session, job_id, wanted, low, high)),
    ]
    return sorted(curves, key=lambda curve: (not curve.name.startswith(_FIRST), curve.name))


async def _reported(
    session: AsyncSession, job_id: uuid.UUID, ends: Sequence[RowMapping], wanted: Wanted, low: float, high: float
) -> list[Curve]:
    """Series of what a run reports as it goes."""
    names = sorted({name for end in ends for name, value in end["data"].items() if _is_number(value)})
    names = [name for name in names if wanted.includes(name)]
    if not names:
        return []
    low, high = max(low, min(end["x"] for end in ends)), min(high, max(end["x"] for end in ends))
    if low > high:
        return []
    data: Mapping[str, Any] = ends[-1]["data"]
    x: Axis = "step" if "step" in data else "seq"
    buckets = max(1, (wanted.points - 2) // 2)
    values: dict[str, Any] = {"job_id": job_id, "low": low, "high": high, "buckets": buckets}
    values |= {f"name{n}": name for n, name in enumerate(names)}
    rows = (await session.execute(_buckets(len(names)), values)).mappings().all()
    totals = [sum(row[f"count{n}"] for row in rows) for n in range(len(names))]
    if max(totals, default=0) <= wanted.points:
        found = (await session.execute(_points(len(names)), values)).mappings().all()
        series = [_whole(found, n) for n in range(len(names))]
    else:
        series = [_sampled(rows, n, name, ends, low, high, wanted.points) for n, name in enumerate(names)]
    shown = []
    for name, each in zip(names, series, strict=True):
        title, unit = _TITLES.get(name, (name.replace("_", " ").capitalize(), None))
        if name == "cost_per_s" and data.get("cost_unit"):
            unit = f"{data['cost_unit']}/s"
        if each.points:
            shown.append(Curve(name, title, unit, x, each))
    return shown


async def _measured(session: AsyncSession, job_id: uuid.UUID, wanted: Wanted, low: float, high: float) -> list[Curve]:
    """Series of the metrics of evaluations while training; a run has at most some thousands of them."""
    if wanted.names is not None and not any(name.startswith(f"{VALIDATION}/") for name in wanted.names):
        return []
    points: dict[str, list[Point]] = {}
    for row in (await session.execute(_MEASURED, {"job_id": job_id, "low": low, "high": high})).mappings():
        for name, value in (row["metrics"] or {}).items():
            if _is_number(value) and wanted.includes(f"{VALIDATION}/{name}"):
                points.setdefault(name, []).append((row["x"], float(value), row["at"]))
    return [
        Curve(f"{VALIDATION}/{name}", *_of_metric(name), "step", min_max(found, wanted.points))
        for name, found in points.items()
    ]


def _of_metric(name: str) -> tuple[str, str | None]:
    metric = metric_named(name)
    return f"Validation {metric.title}", metric.unit


def _value(n: int) -> str:
    """SQL of the value of a name; NULL for what is no number."""
    return f"CASE jsonb_typeof(data->CAST(:name{n} AS text)) WHEN 'number' THEN (data->>CAST(:name{n} AS text))::float8 END"


def _buckets(count: int) -> TextClause:
    """SQL of the extremes of each part of the range, in one pass over the events.

    OFFSET 0 keeps the planner from expecting as many groups as events and sorting them: half the time for 100,000 points.
    """
    columns = ", ".join(f"{_value(n)} AS v{n}" for n in range(count))
    sums = ", ".join(f"count(v{n}) AS count{n}, min(v{n}) AS low{n}, max(v{n}) AS high{n}" for n in range(count))
    return text(
        f"""
        SELECT floor((x - CAST(:low AS float8)) * CAST(:buckets AS int) / (CAST(:high AS float8) - CAST(:low AS float8) + 1))::int AS bucket, min(x) AS x0, max(x) AS x1,
            extract(epoch FROM min(time))::float8 AS at0, extract(epoch FROM max(time))::float8 AS at1, {sums}
        FROM (SELECT {_X} AS x, time, {columns} FROM job_events WHERE {_WHERE} OFFSET 0) AS found
        WHERE x BETWEEN CAST(:low AS float8) AND CAST(:high AS float8)
        GROUP BY 1 ORDER BY 1
        """
    )


def _points(count: int) -> TextClause:
    columns = ", ".join(f"{_value(n)} AS v{n}" for n in range(count))
    return text(
        f"""
        SELECT * FROM (
            SELECT {_X} AS x, extract(epoch FROM time)::float8 AS at, {columns} FROM job_events WHERE {_WHERE}
        ) AS found WHERE x BETWEEN CAST(:low AS float8) AND CAST(:high AS float8) ORDER BY x
        """
    )


def _whole(rows: Sequence[RowMapping], n: int) -> Series:
    points = [(row["x"], row[f"v{n}"], row["at"]) for row in rows if row[f"v{n}"] is not None]
    return Series(len(points), False, points)


def _sampled(
    rows: Sequence[RowMapping], n: int, name: str, ends: Sequence[RowMapping], low: float, high: float, most: int
) -> Series:
    found = [row for row in rows if row[f"count{n}"]]
    buckets = [
        Bucket((row["x0"], row["at0"]), (row["x1"], row["at1"]), row[f"low{n}"], row[f"high{n}"]) for row in found
    ]
    known = sorted((end["x"], float(end["data"][name]), end["at"]) for end in ends if _is_number(end["data"].get(name)))
    exact = [point for point in (known[0], known[-1]) if low <= point[0] <= high] if known else []
    return of_buckets(buckets[: (most - 2) // 2], exact, sum(row[f"count{n}"] for row in found))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
