"""Read zip archives, member by member. An archive's own statements are never trusted.

Nothing is written under a name from an archive. An unusable member carries its fault; a danger to the machine (a bomb,
overlapping members, more members than allowed) rejects the whole archive.
"""

from __future__ import annotations

import io
import lzma
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.data.limits import GIB, MIB, IngestLimits
from engine.data.source import Entry, displayed, is_hidden, safe_path, shown_for_now
from engine.errors import IngestError, ItemError

_IN_MEMORY_BYTES = 16 * MIB  # a larger member goes through a temporary file
_CHUNK_BYTES = MIB // 4
_BOUNDED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SMALL_CHUNK_BYTES = 4096  # with other methods zipfile unpacks all of a compressed chunk at once, 20,000 times its size
_MAX_DIRECTORY_BYTES = 512 * MIB
_ENCRYPTED, _STRONGLY_ENCRYPTED, _UTF8 = 0x1, 0x40, 0x800
_MALFORMED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,  # among them UnicodeDecodeError
)


class ZipSource:
    """The members of a zip archive."""

    def __init__(self, path: Path, limits: IngestLimits, work: Path) -> None:
        """Read the list of members.

        Args:
            path: the archive.
            limits: on resources.
            work: folder for one temporary file at a time.

        Raises:
            IngestError: not a zip archive, a damaged one, or a bomb.
        """
        self.entries: list[Entry] = []
        self.warnings: list[str] = []
        self.unpacked_bytes = 0
        """Total bytes of all members, as stated by the archive."""
        self._limits = limits
        self._work = work
        self._archive_bytes = path.stat().st_size
        self._read_bytes = 0
        self._was_read: set[int] = set()
        _check_directory(path, limits)
        try:
            self._zip = zipfile.ZipFile(path)
        except _MALFORMED as error:
            raise IngestError(
                f"{path.name} is not a zip archive, or it is damaged or cut short ({error}); make or upload it again"
            ) from error
        try:
            self._list(path.name)
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> ZipSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def _list(self, name: str) -> None:
        infos = self._zip.infolist()
        if len(infos) > self._limits.max_members:
            raise _too_many(name, len(infos), self._limits)
        total_bytes = self.unpacked_bytes = sum(info.file_size for info in infos)
        if total_bytes > self._limits.max_total_bytes:
            raise IngestError(
                f"{name} would unpack to {_size(total_bytes)}; allowed: at most {_size(self._limits.max_total_bytes)}: "
                "split the dataset"
            )
        _check_overlap(infos, name)
        is_unmarked = False
        for info in infos:
            found, raw_name = _name(info)
            is_unmarked |= found != info.filename
            try:
                path = safe_path(found if raw_name is None else shown_for_now(found))
            except ItemError as fault:
                self.entries.append(Entry(displayed(found), info, fault, raw_name))
                continue
            if info.is_dir() or is_hidden(path):
                continue
            self.entries.append(Entry(displayed(path), info, _fault(info), raw_name))
        if is_unmarked:
            self.warnings.append(
                "file names in the archive are not marked as UTF-8; they were read as UTF-8 where they are"
            )

    @contextmanager
    def open(self, entry: Entry, max_bytes: int) -> Iterator[BinaryIO]:
        """Unpack one member into memory, or into a temporary file if it is large.

        Raises:
            ItemError: the member has a fault, is larger than `max_bytes`, or cannot be read.
            IngestError: the member is a bomb.
        """
        if entry.fault:
            raise entry.fault
        info = entry.handle
        assert isinstance(info, zipfile.ZipInfo)
        if info.file_size > max_bytes:
            raise _too_large(info.file_size, max_bytes)
        is_first_time = info.header_offset not in self._was_read
        self._was_read.add(info.header_offset)
        with self._buffer(info.file_size) as buffer:
            # zipfile stops at the size in the directory, so a member with hidden data has a wrong CRC.
            chunk_bytes = _CHUNK_BYTES if info.compress_type in _BOUNDED_METHODS else _SMALL_CHUNK_BYTES
            try:
                with self._zip.open(info) as member:
                    while chunk := member.read(chunk_bytes):
                        buffer.write(chunk)
                        # Metadata is read twice, for detection and for its rows; that does not make it a bomb.
                        self._check_ratio(entry, info, buffer.tell(), len(chunk) if is_first_time else 0)
            except _MALFORMED as error:
                raise ItemError("corrupt", f"the archive's member is damaged ({error})") from error
            if buffer.tell() != info.file_size:
                raise ItemError("truncated", f"the archive says {info.file_size} bytes, unpacking gave {buffer.tell()}")
            buffer.seek(0)
            yield buffer

    def _check_ratio(self, entry: Entry, info: zipfile.ZipInfo, member_bytes: int, new_bytes: int) -> None:
        limits = self._limits
        self._read_bytes += new_bytes
        for unpacked, packed, what in (
            (member_bytes, info.compress_size, f"its member {entry.path}"),
            (self._read_bytes, self._archive_bytes, f"what was read of it up to {entry.path}"),
        ):
            if unpacked > limits.ratio_floor_bytes and unpacked > limits.max_ratio * packed:
                raise IngestError(
                    f"the archive is a zip bomb: {what} unpacks to more than {limits.max_ratio} times its size "
                    f"({_size(packed)} to {_size(unpacked)} and more); nothing was taken from it"
                )
        if self._read_bytes > limits.max_total_bytes:
            raise IngestError(
                f"the archive unpacks to more than {_size(limits.max_total_bytes)}, the most allowed: split the dataset"
            )

    @contextmanager
    def _buffer(self, size_bytes: int) -> Iterator[BinaryIO]:
        if size_bytes <= _IN_MEMORY_BYTES:
            yield io.BytesIO()
        else:
            with tempfile.TemporaryFile(dir=self._work) as file:
                yield file


def _fault(info: zipfile.ZipInfo) -> ItemError | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return ItemError("symlink", "found a symbolic link; allowed: plain files")
    if kind not in (0, stat.S_IFREG):
        return ItemError("unsafe_path", "found a device, a pipe or a socket; allowed: plain files")
    if info.flag_bits & (_ENCRYPTED | _STRONGLY_ENCRYPTED):
        return ItemError("encrypted", "found an encrypted member; allowed: members without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        return ItemError(
            "unsupported_format",
            f"found zip compression method {info.compress_type}; allowed: store, deflate, bzip2, LZMA",
        )
    return None


def _too_large(found_bytes: int, max_bytes: int) -> ItemError:
    return ItemError("too_large", f"found {_size(found_bytes)}; allowed: at most {_size(max_bytes)}")


def _too_many(name: str, found: int, limits: IngestLimits) -> IngestError:
    return IngestError(f"{name} has {found:,} members; allowed: at most {limits.max_members:,}: split the dataset")


def _check_overlap(infos: list[zipfile.ZipInfo], name: str) -> None:
    """Reject members that share compressed bytes.

    Source: Fifield, A better zip bomb, WOOT 2019, section 3.
    """
    end, last = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise IngestError(
                f"{name} is a zip bomb: its members {displayed(last)!r} and {displayed(info.filename)!r} overlap; "
                "nothing was taken from it"
            )
        # 30 bytes of local header and the name, at least.
        end, last = info.header_offset + 30 + len(info.orig_filename) + info.compress_size, info.filename


def _check_directory(path: Path, limits: IngestLimits) -> None:
    """Reject too many members before zipfile creates an object for each: counts signatures, not the stated number."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        tail_bytes = min(size, 22 + 0xFFFF)
        file.seek(size - tail_bytes)
        tail = file.read(tail_bytes)
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) - at < 22:
            return  # zipfile reports the fault
        directory_end = size - tail_bytes + at
        directory_bytes = struct.unpack("<I", tail[at + 12 : at + 16])[0]
        if directory_bytes == 0xFFFF_FFFF or tail[max(0, at - 20) : at][:4] == b"PK\6\7":
            locator = tail[max(0, at - 20) : at]
            record = b""
            if locator[:4] == b"PK\6\7":
                file.seek(min(struct.unpack("<Q", locator[8:16])[0], size))
                record = file.read(56)
            if record[:4] == b"PK\6\6" and len(record) == 56:
                directory_bytes = struct.unpack("<Q", record[40:48])[0]
        directory_bytes = min(directory_bytes, directory_end)
        if directory_bytes > _MAX_DIRECTORY_BYTES:
            raise IngestError(
                f"{path.name} has a list of members of {_size(directory_bytes)}; allowed: at most "
                f"{_size(_MAX_DIRECTORY_BYTES)}: split the dataset"
            )
        # The zip64 records, 76 bytes, may stand between the list and its end.
        file.seek(max(0, directory_end - directory_bytes - 76))
        members, carried = 0, b""
        while file.tell() < directory_end:
            block = carried + file.read(min(MIB, directory_end - file.tell()))
            members += block.count(b"PK\1\2")
            carried = block[-3:]
        if members > limits.max_members:
            raise _too_many(path.name, members, limits)


def _name(info: zipfile.ZipInfo) -> tuple[str, bytes | None]:
    """A member's name, and its bytes if the archive does not state their encoding.

    Info-ZIP adds the name in UTF-8 to one in a code page; many tools write UTF-8 without marking it.
    """
    if info.flag_bits & _UTF8 or info.orig_filename.isascii():
        return info.filename, None
    raw_name = info.orig_filename.encode("cp437")  # as zipfile has read it
    for data in (_unicode_path(info.extra, raw_name), raw_name):
        try:
            if data:
                return data.decode("utf-8"), None
        except UnicodeDecodeError:
            continue
    return info.filename, raw_name


def _unicode_path(extra: bytes, raw_name: bytes) -> bytes:
    """The name in Info-ZIP's extra field, if the field belongs to this name; else empty.

    Source: PKWARE APPNOTE 6.3.10, 4.6.9.
    """
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        data, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x7075 and len(data) > 5 and struct.unpack("<I", data[1:5])[0] == zlib.crc32(raw_name):
            return data[5:]
    return b""


def _size(count: int) -> str:
    if count >= GIB:
        return f"{count / GIB:.1f} GiB"
    return f"{count / MIB:.1f} MiB" if count >= MIB else f"{count:,} bytes"
