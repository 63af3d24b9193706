"""The common interface of table formats: groups of rows, read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from engine.data.endings import ending
from engine.data.limits import IngestLimits
from engine.data.tables.arrow import ArrowTable
from engine.data.tables.parquet import ParquetTable


class Table(Protocol):
    """A table in a file; damage is found when the damaged group is read."""

    schema: pa.Schema
    starts: list[int]
    """First row of each group, counted from 0, and the total number of rows at the end."""
    group_name: str
    """The format's name for a group."""
    fault: str | None
    """Why there are no more groups, if the file is damaged or cut short."""

    def batches(self, group: int, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """Some columns of a group, in pieces; a struct is whole, or has only the requested fields.

        Args:
            group: its number, counted from 0.
            columns: paths of columns, such as `text` or `audio.bytes`.
            rows: maximum number of rows in a piece.

        Raises:
            ItemError: the group is damaged.
        """
        ...

    def is_empty(self, column: str) -> bool:
        """Whether it is known that every row of a column is null."""
        ...


_FORMATS: dict[str, Callable[[BinaryIO, IngestLimits, Path], Table]] = {
    "parquet": ParquetTable,
    "arrow": ArrowTable,
    "feather": ArrowTable,
}


def open_table(name: str, file: BinaryIO, limits: IngestLimits, work: Path) -> Table:
    """Open a table that is read piece by piece.

    Args:
        name: its path, whose ending gives the format.
        file: the file, which must stay open while the table is in use.
        limits: on resources.
        work: folder for a temporary file.

    Raises:
        ItemError: not a table, or damaged.
        IngestError: it is a bomb.
    """
    begin = file.read(4)
    file.seek(0)
    kind = ending(name)
    return _FORMATS["parquet" if begin == b"PAR1" or kind not in _FORMATS else kind](file, limits, work)
