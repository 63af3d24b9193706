"""Read tar archives, plain or compressed. An archive's own statements are never trusted.

A plain tar is read in place. A compressed one does not seek, and its recordings are needed in the order of the metadata,
which may be at its very end. It is therefore unpacked once, front to back and within the limits, into one unnamed temporary
file in the work folder. That needs disk space during ingestion, at most `max_total_bytes`, and gives direct access to every
recording in any order.

Nothing is written under a name from an archive. A truncated archive gives everything before the cut.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.data.decompression import COMPRESSIONS, Unpacked
from engine.data.limits import IngestLimits
from engine.data.source import Entry, displayed, is_hidden, safe_path, shown_for_now
from engine.data.tar_members import Damage, Forward, Member, read_members
from engine.errors import IngestError, ItemError
from engine.view import view

_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class TarSpan:
    """Location of a member's bytes, in the archive or in the unpacked file."""

    start: int
    size: int


_NOWHERE = TarSpan(0, 0)


class TarSource:
    """The members of a tar archive."""

    def __init__(self, path: Path, limits: IngestLimits, work: Path) -> None:
        """Read all headers; unpack a compressed archive.

        Args:
            path: the archive.
            limits: on resources.
            work: folder for one temporary file.

        Raises:
            IngestError: not a tar archive, damaged compression, a bomb, or a limit exceeded.
        """
        self.entries: list[Entry] = []
        self.warnings: list[str] = []
        self.unpacked_bytes = 0
        """Bytes of data of all members."""
        self._limits = limits
        self._name = path.name
        self._spool: BinaryIO | None = None
        self._spans: dict[str, TarSpan] = {}
        with ExitStack() as stack:
            file = stack.enter_context(path.open("rb"))
            head = file.read(max(len(magic) for magic in COMPRESSIONS))
            magic = next((magic for magic in COMPRESSIONS if head.startswith(magic)), None)
            file.seek(0)
            stream: Forward
            if magic is None:
                stream = _InPlace(file)
                self._data: BinaryIO = file
            else:
                stream = Unpacked(file, magic, self._name, limits)
                self._data = self._spool = stack.enter_context(tempfile.TemporaryFile(dir=work))
            self._list(stream)
            if self._spool:
                self._spool.flush()
                file.close()
            self._open_files = stack.pop_all()

    def __enter__(self) -> TarSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._open_files.close()

    @contextmanager
    def open(self, entry: Entry, max_bytes: int) -> Iterator[BinaryIO]:
        """Open one member without copying.

        Raises:
            ItemError: the member has a fault, or is larger than `max_bytes`.
        """
        if entry.fault:
            raise entry.fault
        span = entry.handle
        assert isinstance(span, TarSpan)
        if span.size > max_bytes:
            raise _too_large(span.size, max_bytes)
        descriptor = self._data.fileno()
        with view(lambda count, at: os.pread(descriptor, count, span.start + at), span.size) as file:
            yield file

    def _list(self, stream: Forward) -> None:
        damage = Damage()
        found = 0
        for member in read_members(stream, damage):
            found += 1
            if found > self._limits.max_members:
                raise IngestError(
                    f"{self._name} has more than {self._limits.max_members:,} members, the most allowed: split the dataset"
                )
            self._add(member, stream)
        if not found and (damage.lost or damage.is_cut):
            raise IngestError(
                f"{self._name} is not a tar archive, or it is damaged or cut short (no header of a member was found in "
                f"its {stream.position:,} bytes); make or upload it again"
            )
        self._warn(damage)

    def _add(self, member: Member, stream: Forward) -> None:
        try:
            path = displayed(safe_path(member.name if member.raw_name is None else shown_for_now(member.name)))
        except ItemError as unsafe:
            if member.kind != "folder":
                self.entries.append(Entry(displayed(member.name), _NOWHERE, unsafe, member.raw_name))
            return
        if member.kind == "folder" or is_hidden(path):
            return
        span, fault = _NOWHERE, self._fault(member)
        if fault is None and member.kind == "hard_link":
            span, fault = self._linked(member)
        elif fault is None:
            span, fault = self._keep(member, stream)
        if fault is None:
            self._spans.setdefault(path, span)
        self.entries.append(Entry(path, span, fault, member.raw_name))

    def _fault(self, member: Member) -> ItemError | None:
        if member.fault:
            return ItemError("corrupt", f"{member.fault}; its bytes cannot be separated from its neighbours'")
        if member.kind == "symlink":
            return ItemError("symlink", "found a symbolic link; allowed: plain files")
        if member.kind == "device":
            return ItemError("unsafe_path", "found a device or a pipe; allowed: plain files")
        if member.kind == "sparse":
            return ItemError(
                "unsupported_format", "found a sparse or divided member; allowed: plain ones: pack without --sparse"
            )
        return None

    def _linked(self, member: Member) -> tuple[TarSpan, ItemError | None]:
        """Resolve a hard link: another name of an earlier member, whose bytes are in the archive."""
        try:
            target = self._spans.get(displayed(safe_path(member.link)))
        except ItemError:
            target = None
        if target is None:
            link = displayed(member.link)
            return _NOWHERE, ItemError(
                "symlink",
                f"found a hard link to {link!r}, which is no earlier file of the archive; allowed: plain files",
            )
        return target, None

    def _keep(self, member: Member, stream: Forward) -> tuple[TarSpan, ItemError | None]:
        """Location of a member's bytes; those of a compressed archive are copied first."""
        self.unpacked_bytes += member.size
        if self._spool is None:
            span = TarSpan(stream.position, member.size)
            there = stream.skip(member.size)
        else:
            span = TarSpan(self._spool.tell(), member.size)
            there = 0
            while chunk := stream.read(min(_CHUNK_BYTES, member.size - there)):
                self._spool.write(chunk)
                there += len(chunk)
        if there < member.size:
            return span, ItemError(
                "truncated",
                f"the archive ends inside of it: its header says {member.size:,} bytes, {there:,} are there",
            )
        if self.unpacked_bytes > self._limits.max_total_bytes:
            raise IngestError(
                f"{self._name} holds more than {self._limits.max_total_bytes:,} bytes, the most allowed: split the dataset"
            )
        return span, None

    def _warn(self, damage: Damage) -> None:
        if damage.is_cut:
            last = self.entries[-1].path if self.entries else "its first bytes"
            self.warnings.append(
                f"{self._name} is cut short: it ends after {last} without the mark that ends a tar; what comes before "
                "was kept, what may have followed is missing: make or upload it again"
            )
        for begin, end in damage.lost[:10]:
            self.warnings.append(
                f"{self._name} is damaged from byte {begin:,} to {end:,}, where no member can be made out; members "
                "there are missing: make or upload it again"
            )


class _InPlace:
    """A file that is only read forwards."""

    def __init__(self, file: BinaryIO) -> None:
        self.position = 0
        self.is_cut = False
        self._file = file
        self._size = os.fstat(file.fileno()).st_size

    def read(self, count: int) -> bytes:
        data = self._file.read(count)
        self.position += len(data)
        return data

    def skip(self, count: int) -> int:
        step = min(count, self._size - self.position)
        self.position = self._file.seek(self.position + step)
        return step


def _too_large(found: int, allowed: int) -> ItemError:
    return ItemError("too_large", f"found {found:,} bytes; allowed: at most {allowed:,} bytes")
