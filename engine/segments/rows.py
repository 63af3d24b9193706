"""Convert segments to rows of a table and back, for Parquet and for pipelines that pass tables between steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.data.example import Piece
from engine.segments.segment import Segment

Row = dict[str, Any]

_FIELDS = ("id", "text", "speaker", "split", "duration_s", "speech_s", "snr_db", "fault")


def to_row(segment: Segment) -> Row:
    """A segment as a row of plain values."""
    pieces = [{"audio": p.audio, "start_s": p.start_s, "duration_s": p.duration_s} for p in segment.pieces]
    row = {name: getattr(segment, name) for name in _FIELDS}
    return row | {"utterances": list(segment.utterances), "pieces": pieces}


def from_row(row: Mapping[str, Any]) -> Segment:
    """The segment in a row; other columns are ignored."""
    return Segment(
        pieces=tuple(Piece(**piece) for piece in row["pieces"]),
        utterances=tuple(row["utterances"]),
        **{name: row[name] for name in _FIELDS if name != "duration_s"},
    )
