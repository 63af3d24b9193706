"""Read Arrow files batch by batch: those of `datasets.save_to_disk`, Feather files, and streams.

The file is memory-mapped, so that only the accessed parts of an uncompressed file are loaded. Files are read like
streams: a file is a stream after eight bytes, followed by an index, which is ignored. Lengths inside a batch are
checked before they are used, and the stated sizes of compressed buffers are added up before any is unpacked.

Source: Apache Arrow, "Serialization and Interprocess Communication", and `format/Message.fbs`.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import tempfile
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from engine.data.limits import IngestLimits
from engine.data.tables.flatbuffer import FlatTable
from engine.errors import IngestError, ItemError

_FILE_MAGIC, _OLD_FEATHER = b"ARROW1", b"FEA1"
_STREAM_AT = 8  # in a file, after its magic and two bytes of padding


class ArrowTable:
    """An Arrow file or stream."""

    group_name = "batch"

    def __init__(self, file: BinaryIO, limits: IngestLimits, work: Path) -> None:
        """Read the schema, and the number of rows of each batch.

        Raises:
            ItemError: not an Arrow file, or damaged at its beginning.
            IngestError: it is a bomb.
        """
        self._limits = limits
        self._buffer = self._mapped(file, work)
        if self._buffer[:4].to_pybytes() == _OLD_FEATHER:
            raise ItemError(
                "unsupported_format", "found Feather version 1; allowed: version 2, Arrow files and streams"
            )
        if self._buffer[: len(_FILE_MAGIC)].to_pybytes() == _FILE_MAGIC:
            self._buffer = self._buffer[_STREAM_AT:]
        try:
            self.schema = self._reader().schema
        except (pa.ArrowException, OSError) as error:
            raise ItemError("corrupt", f"it is not an Arrow file, or it is damaged or cut short ({error})") from error
        self.fault: str | None = None
        self.starts = [0, *accumulate(self._batch_rows())]
        self._next = 0
        self._batches: Iterator[pa.RecordBatch] = iter(())

    def batches(self, group: int, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """Some columns of a batch.

        Raises:
            ItemError: it is damaged.
        """
        try:
            if group < self._next or self._next == 0:
                self._next, self._batches = 0, iter(self._reader())
            while self._next <= group:
                batch = next(self._batches)
                self._next += 1
            batch = _selected(batch, columns)
            batch.validate(full=True)
        except (pa.ArrowException, OSError, StopIteration) as error:
            self._next = 0
            raise ItemError("corrupt", str(error) or "it has fewer batches than it says") from error
        for at in range(0, batch.num_rows, rows):
            yield batch.slice(at, rows)

    def is_empty(self, column: str) -> bool:
        """Whether every row of a column is null."""
        top, _, inner = column.partition(".")
        for group in range(len(self.starts) - 1):
            for batch in self.batches(group, [top], self.starts[-1]):
                found = batch.column(0)
                found = pc.struct_field(found, inner) if inner else found
                if found.null_count < len(found):
                    return False
        return self.starts[-1] > 0

    def _reader(self) -> pa.RecordBatchStreamReader:
        return pa.ipc.open_stream(self._buffer)

    def _mapped(self, file: BinaryIO, work: Path) -> pa.Buffer:
        try:
            number = file.fileno()
        except OSError:  # a member of an archive
            with tempfile.TemporaryFile(dir=work) as spool:
                shutil.copyfileobj(file, spool)
                spool.flush()
                return _map(spool.fileno())
        return _map(number)

    def _batch_rows(self) -> Iterator[int]:
        """Stated number of rows of each batch, up to where the stream is damaged; nothing is unpacked."""
        unpacked_bytes = 0
        messages = pa.ipc.MessageReader.open_stream(self._buffer)
        while True:
            try:
                message = messages.read_next_message()
                if message.type not in ("record batch", "dictionary"):
                    continue
                rows, size_bytes = _sizes(message)
            except StopIteration:
                return
            except (pa.ArrowException, OSError, struct.error) as error:
                self.fault = f"it is damaged or cut short ({error})"
                return
            unpacked_bytes += size_bytes
            if size_bytes > self._limits.max_member_bytes or (
                unpacked_bytes > self._limits.ratio_floor_bytes
                and unpacked_bytes > self._limits.max_ratio * self._buffer.size
            ):
                raise IngestError(
                    f"the table is a bomb: its {self._buffer.size:,} bytes say that they unpack to {unpacked_bytes:,} and "
                    "more; nothing was taken from it"
                )
            if message.type == "record batch":
                yield rows


def _selected(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    """Some columns of a batch, with only the requested fields of structs; nothing is copied."""
    wanted: dict[str, list[str]] = {}
    for column in columns:
        top, _, inner = column.partition(".")
        wanted.setdefault(top, []).extend([inner] if inner else [])
    arrays = []
    for top, fields in wanted.items():
        found = batch.column(top)
        if fields:
            found.validate()  # before its fields are taken out
            inside = [pc.struct_field(found, each) for each in fields]
            found = pa.StructArray.from_arrays(inside, fields, mask=found.is_null())
        arrays.append(found)
    return pa.RecordBatch.from_arrays(arrays, list(wanted))


def _map(number: int) -> pa.Buffer:
    try:
        return pa.py_buffer(mmap.mmap(number, 0, access=mmap.ACCESS_READ))
    except ValueError as error:
        raise ItemError("corrupt", "it is not an Arrow file: it is empty") from error


def _sizes(message: pa.ipc.Message) -> tuple[int, int]:
    """Rows of a batch, and the bytes that its compressed buffers unpack to.

    Raises:
        struct.error: its header has an offset outside the message.
    """
    header = FlatTable.root(message.metadata.to_pybytes()).table(2)
    batch = header.table(1) if message.type == "dictionary" else header
    rows, buffers = batch.int64(0), batch.structs(2, "<qq")
    if not batch.has(3):
        return rows, 0
    unpacked_bytes = 0
    for at, length in buffers:
        if length >= struct.calcsize("<q"):
            (size_bytes,) = struct.unpack_from("<q", message.body, at)
            unpacked_bytes += length if size_bytes < 0 else size_bytes  # -1: not compressed
    return rows, unpacked_bytes
