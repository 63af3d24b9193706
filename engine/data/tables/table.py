"""What a table of any format is to the rest: groups of rows, read one after the other."""

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
    """A table in a file; what is damaged is found when its group is read."""

    schema: pa.Schema
    starts: list[int]
    """Row that each group begins with, counted from 0, and how many rows there are in all."""
    group_name: str
    """What a group is called."""
    fault: str | None
    """Why there are no more groups, if the file is damaged or cut short."""

    def batches(self, group: int, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """Some columns of a group, in pieces of up to `rows` rows; top-level columns are whole or with the fields asked.

        Args:
            group: its number, counted from 0.
            columns: paths of columns, such as `text` or `audio.bytes`.
            rows: most rows of a piece.

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
    """A table that is read piece by piece.

    Args:
        name: its path, which says its format.
        file: is read as long as the table is.
        limits: what it may ask of the machine.
        work: folder for a temporary file.

    Raises:
        ItemError: it is none, or it is damaged.
        IngestError: it is a bomb.
    """
    begin = file.read(4)
    file.seek(0)
    kind = ending(name)
    return _FORMATS["parquet" if begin == b"PAR1" or kind not in _FORMATS else kind](file, limits, work)
