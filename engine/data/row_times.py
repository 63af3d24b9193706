"""Rows that are parts of a file: the stretch of each, and rows that contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from engine.data.record import Record
from engine.data.rows import Metadata, Row
from engine.data.times import Span, TimeColumns, spans
from engine.errors import ItemError

_SHORT_OVERLAP_S = 0.3
_OVERLAP_SHARE = 0.2  # of the shorter row


def cut_rows(name: str, times: TimeColumns, records: Sequence[Record], read: Metadata) -> None:
    """Give each row its stretch of the file; reject contradictory rows."""
    found, assumed = spans(times, [record.values for record in records])
    if assumed:
        read.warnings.append(f"{name}: {assumed}")
    read.rows = [_with_times(row, span) for row, span in zip(read.rows, found, strict=True)]
    of_file: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(read.rows):
        if row.fault is None and row.file_name:
            of_file[row.file_name].append(at)
    for rows in of_file.values():
        if len(rows) > 1:
            _reject_overlaps(read.rows, sorted(rows, key=lambda at: read.rows[at].start_s))


def _with_times(row: Row, span: Span) -> Row:
    fault = row.fault or (ItemError("bad_times", span.fault) if span.fault else None)
    return replace(row, start_s=span.start_s, duration_s=span.duration_s, fault=fault)


def _reject_overlaps(rows: list[Row], order: Sequence[int]) -> None:
    """Reject rows of one file with a start but no end, and rows of one speaker that overlap by more than a moment."""
    faults: dict[int, str] = {}
    latest = order[0]
    for at in order:
        if rows[at].duration_s is None:
            faults[at] = "it gives no end, and other rows are parts of the same file; allowed: a start and an end"
    for at in order[1:]:
        earlier, later = rows[latest], rows[at]
        shared_s = _end_s(earlier) - later.start_s
        shorter_s = min(_length_s(earlier), _length_s(later))
        same = earlier.speaker is None or later.speaker is None or earlier.speaker == later.speaker
        is_same_row = (earlier.start_s, earlier.duration_s, earlier.text) == (
            later.start_s,
            later.duration_s,
            later.text,
        )
        if same and not is_same_row and min(shared_s, shorter_s) > max(_SHORT_OVERLAP_S, _OVERLAP_SHARE * shorter_s):
            for one, other in ((latest, at), (at, latest)):
                faults.setdefault(
                    one,
                    f"it shares {min(shared_s, shorter_s):.2f} s with the row in line {rows[other].line}, which has another "
                    "text; allowed: rows that follow each other",
                )
        if _end_s(later) > _end_s(earlier):
            latest = at
    for at, fault in faults.items():
        rows[at] = replace(rows[at], fault=ItemError("bad_times", fault))


def _length_s(row: Row) -> float:
    return float("inf") if row.duration_s is None else row.duration_s


def _end_s(row: Row) -> float:
    return row.start_s + _length_s(row)
