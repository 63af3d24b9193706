"""A source that also opens the recordings in its tables, one row at a time.

A table is read in order, as its rows are requested; going back to an earlier row restarts its group. A table in an
archive is first unpacked to a temporary file.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from engine.data.limits import IngestLimits
from engine.data.source import DataSource, Entry
from engine.data.tables.samples import file_of
from engine.data.tables.table import open_table
from engine.errors import IngestError, ItemError


@dataclass(frozen=True, slots=True)
class AudioColumns:
    """The columns of a table that hold its recordings."""

    data: str
    """Path of the column of bytes or of samples, such as `audio.bytes`."""
    is_file: bool
    """Whether it holds the bytes of files; otherwise samples."""
    rate: str | None = None
    """Path of the column of their sample rates, if there is one."""
    rate_hz: int | None = None
    """The sample rate that the table declares for all rows, if it does."""

    @property
    def columns(self) -> list[str]:
        """All columns that are needed to read a recording."""
        return [self.data, self.rate] if self.rate else [self.data]


@dataclass(frozen=True, slots=True)
class Cell:
    """A recording in a table."""

    table: Entry
    row: int
    """Counted from 0, over all groups."""
    audio: AudioColumns


class TableSource:
    """A source that also opens the recordings in its tables."""

    def __init__(self, source: DataSource, limits: IngestLimits, work: Path) -> None:
        self.entries = source.entries
        self.warnings = source.warnings
        self.work = work
        """Folder for temporary files."""
        self._source = source
        self._limits = limits
        self._given_bytes = 0
        self._open_table: _OpenTable | None = None
        self._stack = ExitStack()

    def __enter__(self) -> TableSource:
        self._source.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._open_table = None
        self._stack.close()
        self._source.__exit__(*_)

    @contextmanager
    def open(self, entry: Entry, max_bytes: int) -> Iterator[BinaryIO]:
        """Open a file, or the recording in a cell.

        Raises:
            ItemError: it has a fault, is larger than `max_bytes`, or cannot be read.
            IngestError: it is a bomb.
        """
        if isinstance(entry.handle, Cell):
            yield io.BytesIO(self._bytes(entry.handle, max_bytes))
        else:
            with self._source.open(entry, max_bytes) as file:
                yield file

    def _bytes(self, cell: Cell, max_bytes: int) -> bytes:
        table = self._open_table
        if table is None or (table.entry, table.audio) != (cell.table, cell.audio):
            self._open_table = None
            self._stack.close()
            file = self._stack.enter_context(self._source.open(cell.table, self._limits.max_total_bytes))
            table = self._open_table = _OpenTable(cell.table, cell.audio, file, self._limits, self.work)
        data = table.value(cell.row)
        self._given_bytes += len(data)
        limits, packed = self._limits, table.size_bytes
        # A dictionary with one repeated value: each row is small, but together they are huge.
        if self._given_bytes > limits.max_total_bytes or (
            table.given_bytes > limits.ratio_floor_bytes and table.given_bytes > limits.max_ratio * packed
        ):
            raise IngestError(
                f"{cell.table.path} is a bomb: its {packed:,} bytes unpack to more than {limits.max_ratio} times as much, "
                f"or the tables to more than {limits.max_total_bytes:,} bytes; nothing was taken from it"
            )
        if len(data) > max_bytes:
            raise ItemError("too_large", f"found {len(data):,} bytes; allowed: at most {max_bytes:,} bytes")
        return data


class _OpenTable:
    """The recordings of a table, read forwards."""

    def __init__(self, entry: Entry, audio: AudioColumns, file: BinaryIO, limits: IngestLimits, work: Path) -> None:
        self.entry = entry
        self.audio = audio
        self.given_bytes = 0
        self.size_bytes = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._table = open_table(entry.path, file, limits, work)
        self._next_row = 0
        self._group = -1
        self._rows: Iterator[pa.RecordBatch] = iter(())
        self._broken: dict[int, str] = {}

    def value(self, row: int) -> bytes:
        """The recording in a row, as a file.

        Raises:
            ItemError: it has none, or its group is damaged.
        """
        starts, name = self._table.starts, self._table.group_name
        group = bisect_right(starts, row) - 1
        if group in self._broken:
            raise ItemError("corrupt", f"{name} {group} of the table is damaged ({self._broken[group]})")
        try:
            if group != self._group or row < self._next_row:
                self._group, self._next_row = group, starts[group]
                self._rows = self._table.batches(group, self.audio.columns, 1)
            while self._next_row <= row:
                batch = next(self._rows)
                self._next_row += 1
        except (ItemError, StopIteration) as error:
            reason = error.reason if isinstance(error, ItemError) else "it has fewer rows than it says"
            self._broken[group] = reason
            raise ItemError("corrupt", f"{name} {group} of the table is damaged ({reason})") from error
        data = self._file(batch)
        self.given_bytes += len(data)
        return data

    def _file(self, batch: pa.RecordBatch) -> bytes:
        audio = self.audio
        found = _value(batch, audio.data)
        if isinstance(found, pa.DictionaryScalar):
            found = found.value
        if not found.is_valid:
            raise ItemError("missing_audio", "its row holds no audio")
        if audio.is_file:
            return bytes(found.as_buffer())
        rate = _value(batch, audio.rate).as_py() if audio.rate else None
        return file_of(found.values, audio.rate_hz if rate is None else rate)


def _value(batch: pa.RecordBatch, path: str) -> Any:
    """The value of a column in a batch of one row."""
    top, *inner = path.split(".")
    found = batch.column(top)
    return (pc.struct_field(found, inner) if inner else found)[0]
