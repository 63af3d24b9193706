"""Fewer points of a series for drawing: the smallest and the largest value of each bucket, so that no peak is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Point = tuple[float, float, float]
"""Position on the x axis, value, and time in seconds since 1970."""


@dataclass(slots=True)
class Bucket:
    """What a part of a series says in sum."""

    first: tuple[float, float]
    """Smallest position, and its time."""
    last: tuple[float, float]
    """Largest position, and its time."""
    lowest: float
    highest: float


@dataclass(slots=True)
class Series:
    """Points of one series, in order of their position."""

    total: int
    """Number of points before sampling."""
    sampled: bool
    points: list[Point] = field(default_factory=list)


def min_max(points: Sequence[Point], most: int) -> Series:
    """At most `most` of these points: the first, the last, and the lowest and highest of equal parts between them."""
    if len(points) <= most:
        return Series(len(points), False, list(points))
    inner = points[1:-1]
    parts = max(1, (most - 2) // 2)
    found = [points[0]]
    for part in range(parts if most > 2 else 0):
        each = inner[len(inner) * part // parts : len(inner) * (part + 1) // parts]
        if each:
            chosen = {min(each, key=lambda p: p[1]), max(each, key=lambda p: p[1])}
            found += sorted(chosen)
    return Series(len(points), True, [*found, points[-1]][:most] if most > 2 else [points[0], points[-1]])


def of_buckets(buckets: Sequence[Bucket], exact: Sequence[Point], total: int) -> Series:
    """A series of buckets: both extremes of each, at its two ends, in the order in which the series goes.

    Values are exact, positions to one bucket.

    Args:
        buckets: of equal parts of the x axis, in order.
        exact: points to show at their own place, such as the first and the last one.
        total: number of points in all buckets.
    """
    middles = [(bucket.lowest + bucket.highest) / 2 for bucket in buckets]
    points = list(exact)
    for bucket, falls in zip(buckets, _falling(middles), strict=True):
        low, high = bucket.lowest, bucket.highest
        (x0, t0), (x1, t1) = bucket.first, bucket.last
        points += [(x0, high, t0), (x1, low, t1)] if falls else [(x0, low, t0), (x1, high, t1)]
    return Series(total, True, sorted(points, key=lambda point: point[0]))


def _falling(middles: Sequence[float]) -> Iterator[bool]:
    """Whether the series falls at each bucket."""
    if not middles:
        return
    steps = [after < before for before, after in pairwise(middles)]
    yield from steps
    yield steps[-1] if steps else False
