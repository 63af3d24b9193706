"""Parquet files with recordings in them: rows are given one at a time.

No more is held than a page, which is what Parquet compresses as one: a row group, of the tables that are written for
recordings (a hundred rows, with Hugging Face datasets), and never the table. A table is read in order, as its rows are asked for; a row before the last one begins its row group again. In an archive
the table is unpacked first, to a temporary file.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from engine.data.limits import IngestLimits
from engine.data.source import DataSource, Entry
from engine.errors import IngestError, ItemError

_READ_BYTES = 1 << 20  # read from the file at once, for each column


@dataclass(frozen=True, slots=True)
class Cell:
    """A recording in a table."""

    table: Entry
    row: int
    """Counted from 0, over all row groups."""
    column: str
    """Path of the column that holds the bytes, such as `audio.bytes`."""


class TableSource:
    """A source, and the recordings in its tables."""

    def __init__(self, source: DataSource, limits: IngestLimits) -> None:
        self.entries = source.entries
        self.warnings = source.warnings
        self._source = source
        self._limits = limits
        self._given_bytes = 0
        self._open_table: _OpenTable | None = None
        self._stack = ExitStack()

    def __enter__(self) -> TableSource:
        self._source.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
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
        if table is None or (table.entry, table.column) != (cell.table, cell.column):
            self._stack.close()
            self._open_table = None
            file = self._stack.enter_context(self._source.open(cell.table, self._limits.max_total_bytes))
            table = self._open_table = _OpenTable(cell.table, cell.column, file)
        data = table.value(cell.row)
        self._given_bytes += len(data)
        limits, packed = self._limits, table.size_bytes
        # A dictionary of one value, repeated: each row is small, and together they are endless.
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
    """One column of a table, read forwards."""

    def __init__(self, entry: Entry, column: str, file: BinaryIO) -> None:
        self.entry = entry
        self.column = column
        self.given_bytes = 0
        self.size_bytes = file.seek(0, io.SEEK_END)
        self._parquet = open_parquet(file)
        metadata = self._parquet.metadata
        groups = range(metadata.num_row_groups)
        self._starts = [0, *accumulate(metadata.row_group(group).num_rows for group in groups)]
        self._next_row = 0
        self._group = -1
        self._rows: Iterator[Any] = iter(())
        self._broken: dict[int, str] = {}

    def value(self, row: int) -> bytes:
        """The bytes in a row.

        Raises:
            ItemError: it has none, or its row group is damaged.
        """
        group = bisect_right(self._starts, row) - 1
        if group in self._broken:
            raise ItemError("corrupt", f"row group {group} of the table is damaged ({self._broken[group]})")
        try:
            if group != self._group or row < self._next_row:
                self._group, self._next_row = group, self._starts[group]
                self._rows = self._parquet.iter_batches(
                    batch_size=1, row_groups=[group], columns=[self.column], use_threads=False
                )
            while self._next_row <= row:
                batch = next(self._rows)
                self._next_row += 1
        except (pa.ArrowException, OSError, StopIteration) as error:
            self._broken[group] = str(error) or "it has fewer rows than it says"
            raise ItemError("corrupt", f"row group {group} of the table is damaged ({self._broken[group]})") from error
        found = batch.column(0)[0].as_py()
        data = found.get("bytes") if isinstance(found, dict) else found
        if data is None:
            raise ItemError("missing_audio", "its row holds no audio, only the name of a file")
        self.given_bytes += len(data)
        return bytes(data)


def open_parquet(file: BinaryIO) -> pq.ParquetFile:
    """A Parquet file that is read piece by piece.

    Raises:
        ItemError: it is none, or it is damaged.
    """
    try:
        return pq.ParquetFile(file, pre_buffer=False, buffer_size=_READ_BYTES, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise ItemError("corrupt", f"it is not a Parquet file, or it is damaged or cut short ({error})") from error
