"""Times in metadata: numbers in seconds or milliseconds, and clock times."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.data.columns import Column, bare, columns_of

_NUMBER = re.compile(
    r"([+-]?\d+(?:[.,]\d*)?|[+-]?[.,]\d+)(?:e([+-]?\d{1,9}))?\s*(s|sec|secs|seconds?|ms|msec|millis|milliseconds?)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?:(\d{1,9}):)?(\d{1,3}):(\d{1,2})(?:[.,](\d+))?")
_ALSO_OTHERS = frozenset(
    {"from", "to", "von", "bis", "begin", "stop", "finish", "fin", "fim", "ende", "until", "dauer"}
)
"""Names of time columns that have other meanings too."""
_LONGEST_UTTERANCE_S = 100.0  # whole numbers that would give longer utterances are milliseconds
_LONGEST_UTTERANCE_MS = 100_000.0  # numbers that would give still longer ones are not milliseconds either


@dataclass(frozen=True, slots=True)
class TimeColumns:
    """The columns with the times of rows in their files."""

    start: Column | None
    end: Column | None
    duration: Column | None

    @property
    def cut(self) -> bool:
        """Whether they give the start or the end of a row; a duration alone is that of the file."""
        return self.start is not None or self.end is not None

    def columns(self) -> list[tuple[str, Column]]:
        """The existing columns, with their roles."""
        roles = (("start", self.start), ("end", self.end), ("duration", self.duration))
        return [(role, column) for role, column in roles if column is not None]


@dataclass(frozen=True, slots=True)
class Span:
    """The position of a row in its file, or the fault of its times."""

    start_s: float = 0.0
    duration_s: float | None = None
    fault: str = ""


def time_columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> TimeColumns:
    """Identify the columns of times. `offset` is the end if there is an `onset`, and else the start.

    Args:
        names: names of the columns.
        rows: values of each row; an ambiguous name such as `from` counts only if the column holds times.
    """
    starts, ends, durations = (
        [
            column
            for column in columns_of(names, role)
            if bare(column.name) not in _ALSO_OTHERS or _has_times(column, rows)
        ]
        for role in ("start", "end", "duration")
    )
    offset = next((column for column in starts if bare(column.name).startswith("offset")), None)
    if not ends and offset and any(bare(column.name).startswith("onset") for column in starts):
        ends, starts = [offset], [column for column in starts if column is not offset]
    return TimeColumns(*(next(iter(found), None) for found in (starts, ends, durations)))


def spans(columns: TimeColumns, rows: Sequence[Sequence[Any]]) -> tuple[list[Span], str]:
    """The position of each row in its file, and what was assumed about the units, if anything.

    Args:
        columns: columns of the times.
        rows: values of each row.
    """
    unclear = [column.name for _, column in columns.columns() if column.unit_s == 0]
    if unclear:
        fault = f"its times ({', '.join(unclear)}) are in a unit that is not understood; allowed: seconds, milliseconds"
        return [Span(fault=fault)] * len(rows), ""
    read = [
        [_read(row[column.at] if column.at < len(row) else None, column) for _, column in columns.columns()]
        for row in rows
    ]
    factor, assumed = _scale(columns, read)
    if factor == 0:
        return [Span(fault=assumed)] * len(rows), ""
    roles = [role for role, _ in columns.columns()]
    return [_span(dict(zip(roles, row, strict=True)), factor) for row in read], assumed


def _has_times(column: Column, rows: Sequence[Sequence[Any]]) -> bool:
    read = [_read(row[column.at] if column.at < len(row) else None, column) for row in rows]
    return sum(time.value is not None for time in read) > sum(bool(time.fault) for time in read)


@dataclass(frozen=True, slots=True)
class _Time:
    """A time as written in the metadata."""

    value: float | None
    """Value in its unit; None if there is none."""
    has_unit: bool = False
    """Whether it is in seconds, by its column or by itself."""
    fault: str = ""


def _read(value: Any, column: Column) -> _Time:
    text = "" if value is None or isinstance(value, bool) else str(value).strip().strip("\"'")
    if not text or text.lower() in ("nan", "none", "null"):
        return _Time(None)
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds, fraction = match.groups()
        total = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")
        return _Time(total, has_unit=True)
    match = _NUMBER.fullmatch(text)
    if not match:
        return _Time(None, fault=f"{column.name} is {text[:40]!r}; allowed: seconds such as 1.25, or 00:00:01.250")
    number = float(f"{match[1].replace(',', '.')}e{match[2] or 0}")  # not with a power of ten, which may be huge
    if not math.isfinite(number) or number < 0:
        return _Time(None, fault=f"{column.name} is {text[:40]!r}; allowed: 0 or more")
    if match[3]:
        return _Time(number * (1e-3 if match[3].lower().startswith("m") else 1.0), has_unit=True)
    return _Time(number if column.unit_s is None else number * column.unit_s, has_unit=column.unit_s is not None)


def _scale(columns: TimeColumns, read: Sequence[Sequence[_Time]]) -> tuple[float, str]:
    """Seconds per unit for numbers without a unit, and the assumption made; 0 for numbers that cannot be times."""
    roles = [role for role, _ in columns.columns()]
    bare_numbers = [time.value for row in read for time in row if time.value is not None and not time.has_unit]
    if not bare_numbers or any(value % 1 for value in bare_numbers):
        return 1.0, ""
    lengths = []
    for row in read:
        times = {role: time.value for role, time in zip(roles, row, strict=True) if not time.has_unit}
        start, end, duration = (times.get(role) for role in ("start", "end", "duration"))
        length = duration if duration is not None else end - (start or 0) if end is not None else None
        if length is not None and length > 0:
            lengths.append(length)
    typical = statistics.median(lengths) if lengths else 0.0
    if typical <= _LONGEST_UTTERANCE_S:
        return 1.0, ""
    shown = ", ".join(column.name for _, column in columns.columns())
    if typical <= _LONGEST_UTTERANCE_MS:
        return (
            1e-3,
            f"its times ({shown}) name no unit; they were taken for milliseconds, because a row lasts {typical:g}",
        )
    return 0.0, f"its times ({shown}) name no unit, and a row lasts {typical:g}: neither seconds nor milliseconds"


def _span(times: dict[str, _Time], factor: float) -> Span:
    faults = [time.fault for time in times.values() if time.fault]
    values = {role: time.value for role, time in times.items()}
    start_s, end_s, duration_s = (
        None if (value := values.get(role)) is None else value * (1.0 if times[role].has_unit else factor)
        for role in ("start", "end", "duration")
    )
    if start_s is None and end_s is not None and duration_s is not None:
        start_s = end_s - duration_s
    if end_s is None and duration_s is not None and start_s is not None:
        end_s = start_s + duration_s
    if faults:
        return Span(fault=" and ".join(faults))
    if start_s is None and end_s is None:
        return Span(fault="its row has no times, as the others have; allowed: a start and an end in seconds")
    start_s = start_s or 0.0
    if end_s is not None and (end_s <= start_s or start_s < 0):
        return Span(fault=f"it goes from {start_s:g} s to {end_s:g} s; allowed: 0 <= start < end")
    return Span(round(start_s, 6), None if end_s is None else round(end_s - start_s, 6))
