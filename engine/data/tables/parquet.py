"""Read Parquet files row group by row group.

At most one page, the unit of Parquet's compression, is in memory. In tables of recordings, a page is a row group (a
hundred rows with Hugging Face datasets), never the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from engine.data.limits import IngestLimits
from engine.errors import IngestError, ItemError

_READ_BYTES = 1 << 20  # read from the file at a time, per column
_VALUE_BYTES = 8  # of a number, at most


class ParquetTable:
    """A Parquet file."""

    group_name = "row group"

    def __init__(self, file: BinaryIO, limits: IngestLimits, work: Path) -> None:
        """Read the footer.

        Raises:
            ItemError: not a Parquet file, or damaged.
        """
        try:
            self._file = pq.ParquetFile(
                file, pre_buffer=False, buffer_size=_READ_BYTES, page_checksum_verification=True
            )
            self.schema: pa.Schema = self._file.schema_arrow
            file.seek(0)
            self._file = pq.ParquetFile(
                file,
                metadata=self._file.metadata,
                # A value that many rows share is kept once, as in the file, not once per row.
                read_dictionary=list(_texts(self.schema)),
                pre_buffer=False,
                buffer_size=_READ_BYTES,
                page_checksum_verification=True,
            )
        except (pa.ArrowException, OSError) as error:
            raise ItemError("corrupt", f"it is not a Parquet file, or it is damaged or cut short ({error})") from error
        metadata = self._file.metadata
        rows = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        self.starts = [0, *accumulate(rows)]
        self.fault: str | None = None
        self._limits = limits

    def batches(self, group: int, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """Some columns of a row group.

        Raises:
            ItemError: it is damaged.
            IngestError: a few of its bytes unpack to far too many numbers.
        """
        self._check_values(group, columns)
        try:
            yield from self._file.iter_batches(rows, row_groups=[group], columns=list(columns), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise ItemError("corrupt", str(error)) from error

    def is_empty(self, column: str) -> bool:
        """Whether every row of a column is null, according to the table's own statistics."""
        metadata = self._file.metadata
        for group in range(metadata.num_row_groups):
            chunks = (metadata.row_group(group).column(at) for at in range(metadata.num_columns))
            chunk = next((chunk for chunk in chunks if chunk.path_in_schema == column), None)
            statistics = chunk.statistics if chunk is not None else None
            if statistics is None or statistics.null_count != metadata.row_group(group).num_rows:
                return False
        return bool(metadata.num_row_groups > 0)

    def _check_values(self, group: int, columns: Sequence[str]) -> None:
        """Reject a row group with too many numbers for its bytes: one repeated number takes next to no space."""
        row_group = self._file.metadata.row_group(group)
        for at in range(row_group.num_columns):
            chunk = row_group.column(at)
            if not any(f"{chunk.path_in_schema}.".startswith(f"{column}.") for column in columns):
                continue
            unpacked_bytes = max(chunk.num_values * _VALUE_BYTES, chunk.total_uncompressed_size)
            if unpacked_bytes > self._limits.ratio_floor_bytes and (
                unpacked_bytes > self._limits.max_ratio * max(1, chunk.total_compressed_size)
            ):
                raise IngestError(
                    f"the table is a bomb: {chunk.total_compressed_size:,} bytes of its column {chunk.path_in_schema} "
                    f"unpack to {chunk.num_values:,} values of {unpacked_bytes:,} bytes, more than {self._limits.max_ratio} times as much; nothing was "
                    "taken from it"
                )


def _texts(schema: pa.Schema) -> Iterator[str]:
    """Paths of the columns of texts, including those in structs."""
    for column in schema:
        inside = list(column.type) if pa.types.is_struct(column.type) else []
        for path, kind in [(column.name, column.type), *((f"{column.name}.{each.name}", each.type) for each in inside)]:
            if pa.types.is_string(kind) or pa.types.is_large_string(kind):
                yield path
