"""The selection on disk: `segments.parquet` with a row per segment, and `selection.json` with decisions and reasons.

The Parquet file depends only on its rows: they are sorted by id, and the file contains no time or host. It is written
under a temporary name and renamed.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.data.example import Utterance
from engine.errors import SelectionError
from engine.segments.rows import from_row, to_row
from engine.segments.segment import Segment
from engine.selection.candidate import Candidate, Choice

SEGMENTS_NAME = "segments.parquet"
SUMMARY_NAME = "selection.json"
FORMAT = 2

_ROWS_AT_ONCE = 20_000
_COLUMNS = (
    ("id", "string"),
    ("text", "string"),
    ("speaker", "string"),
    ("split", "string"),
    ("utterances", "list<string>"),
    ("pieces", "list<piece>"),
    ("duration_s", "double"),
    ("speech_s", "double"),
    ("snr_db", "double"),
    ("fault", "string"),
    ("encoder_s", "double"),
    ("tokens", "int64"),
    ("role", "string"),
    ("nll_before", "double"),
    ("nll_after", "double"),
    ("rho", "double"),
    ("disagreement", "double"),
    ("disagreement_residual", "double"),
    ("el2n", "double"),
    ("contradiction", "double"),
    ("word_errors", "int64"),
    ("words", "int64"),
    ("stratum", "string"),
    ("score", "double"),
    ("inclusion_probability", "double"),
    ("selected", "bool"),
    ("weight", "double"),
)
_OF_CANDIDATE = (
    "encoder_s", "tokens", "role", "nll_before", "nll_after", "rho", "disagreement", "el2n", "contradiction",
    "word_errors", "words",
)  # fmt: skip
_OF_CHOICE = ("disagreement_residual", "stratum", "score", "inclusion_probability", "selected", "weight")


def write_selection(folder: Path, choices: Iterable[Choice], left_out: Iterable[Segment]) -> None:
    """Write `segments.parquet`: the choices, and the segments left out for a fault, which were not candidates.

    Raises:
        SelectionError: two segments have the same id.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows = [_row(choice) for choice in choices] + [_empty() | to_row(segment) for segment in left_out]
    rows.sort(key=lambda row: row["id"])
    for before, after in itertools.pairwise(rows):
        if before["id"] == after["id"]:
            raise SelectionError(f"two segments have the id {before['id']!r}; give the dataset's utterances other ids")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SEGMENTS_NAME
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    schema = _schema(pa)
    try:
        with parquet.ParquetWriter(partial, schema, compression="zstd") as writer:
            for start in range(0, max(1, len(rows)), _ROWS_AT_ONCE):
                writer.write_table(pa.Table.from_pylist(rows[start : start + _ROWS_AT_ONCE], schema=schema))
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_selection(folder: Path) -> tuple[list[Choice], list[Segment]]:
    """Read `segments.parquet`: the choices, and the segments left out, both sorted by id.

    Raises:
        SelectionError: the folder has no selection, or an unreadable one.
    """
    choices, left_out = [], []
    for row in _read(folder, None):
        segment = from_row(row)
        if row["selected"] is None:
            left_out.append(segment)
            continue
        candidate = Candidate(segment, **{name: row[name] for name in _OF_CANDIDATE if name != "rho"})
        choices.append(Choice(candidate, **{name: row[name] for name in _OF_CHOICE}))
    return choices, left_out


def read_selected(folder: Path) -> list[Utterance]:
    """The selected segments as utterances with their loss weights, sorted by id.

    Raises:
        SelectionError: the folder has no selection, or an unreadable one.
    """
    return [from_row(row).as_utterance(row["weight"]) for row in _read(folder, [("selected", "=", True)])]


def read_tokens(folder: Path) -> dict[str, int]:
    """Targets of the loss of each selected segment, by its id.

    Raises:
        SelectionError: the folder has no selection, or an unreadable one.
    """
    return {row["id"]: row["tokens"] for row in _read(folder, [("selected", "=", True)])}


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write `selection.json` atomically, and last: its presence marks a finished selection."""
    path = folder / SUMMARY_NAME
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_summary(folder: Path) -> dict[str, Any]:
    """Read `selection.json`.

    Raises:
        SelectionError: the folder has no selection, or a selection in another format version.
    """
    try:
        summary = json.loads((folder / SUMMARY_NAME).read_text(encoding="utf-8"))
        found = summary["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SelectionError(f"no readable {SUMMARY_NAME} in {folder}; give the folder of a selection") from error
    if found != FORMAT:
        raise SelectionError(f"{folder} holds a selection of format {found}; this version reads {FORMAT}: select again")
    return dict(summary)


def _schema(pa: Any) -> Any:
    piece = pa.struct([("audio", pa.string()), ("start_s", pa.float64()), ("duration_s", pa.float64())])
    types = {
        "string": pa.string(),
        "double": pa.float64(),
        "int64": pa.int64(),
        "bool": pa.bool_(),
        "list<string>": pa.list_(pa.string()),
        "list<piece>": pa.list_(piece),
    }
    return pa.schema([(name, types[kind]) for name, kind in _COLUMNS], metadata={"format": str(FORMAT)})


def _read(folder: Path, filters: list[tuple[str, str, object]] | None) -> Sequence[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import parquet

    path = folder / SEGMENTS_NAME
    try:
        table = parquet.read_table(path, filters=filters)
    except (OSError, pa.ArrowException) as error:
        raise SelectionError(f"cannot read the selection {path}: {error}; select again") from error
    missing = [name for name, _ in _COLUMNS if name not in table.column_names]
    if missing:
        raise SelectionError(f"{path} has no column {', '.join(missing)}; it is no selection: select again")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _empty() -> dict[str, Any]:
    return {name: None for name, _ in _COLUMNS}


def _row(choice: Choice) -> dict[str, Any]:
    row = _empty() | to_row(choice.candidate.segment)
    row |= {name: getattr(choice.candidate, name) for name in _OF_CANDIDATE}
    row |= {name: getattr(choice, name) for name in _OF_CHOICE}
    return row
