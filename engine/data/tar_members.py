"""Read the members of a tar, header by header, from any forward-only stream.

Unlike `tarfile`, whose parser reads headers of any length into memory, loops on negative sizes (CVE-2025-8194), backtracks
on crafted ones (CVE-2024-6232) unless the interpreter is new enough, and stops at the first damaged header. This parser
reads v7, ustar, GNU (long names) and PAX (POSIX.1-2001) archives in bounded memory, never follows a name, and continues
after a damaged header.

Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

BLOCK_BYTES = 512

Kind = Literal["file", "hard_link", "symlink", "device", "folder", "sparse"]

_ZEROS = bytes(BLOCK_BYTES)
_MAX_NOTE_BYTES = 1 << 20  # maximum of a long name or a PAX header
_MAX_LEAD_BYTES = 1 << 24  # bytes allowed before the first header
_FILES = b"0\x007"
_KINDS: dict[bytes, Kind] = {b"1": "hard_link", b"2": "symlink", b"5": "folder", b"S": "sparse", b"M": "sparse"}
_KINDS |= dict.fromkeys((b"3", b"4", b"6"), "device")


class Forward(Protocol):
    """A stream that is read once."""

    position: int
    is_cut: bool

    def read(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end."""
        ...

    def skip(self, count: int) -> int:
        """Skip up to `count` bytes; returns how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """One member; the stream stands at its data."""

    name: str
    kind: Kind
    size: int
    """Bytes of data that follow."""
    link: str
    """Target of a link."""
    fault: str = ""
    """Fault of its header; empty if it has none."""
    raw_name: bytes | None = None
    """Its name's bytes, if they are not UTF-8."""


@dataclass(slots=True)
class Damage:
    """Damage to an archive as a whole, collected while its members are read."""

    is_cut: bool = False
    """Whether it ends without a tar's final zeros, or inside a member."""
    lost: list[tuple[int, int]] = field(default_factory=list)
    """Stretches without a readable header, in bytes from the beginning."""

    def note_lost(self, begin: int | None, end: int) -> int | None:
        """Record a stretch without a header, if one was open; returns None: none is open afterwards."""
        if begin is not None:
            self.lost.append((begin, end))
        return None


def read_members(stream: Forward, damage: Damage) -> Iterator[Member]:
    """Every member, in order; its data may be read before the next member is requested.

    Raises:
        IngestError: from the stream.
    """
    notes = _Notes(damage)
    ended = False
    lost_from: int | None = None
    while True:
        at = stream.position
        block = stream.read(BLOCK_BYTES)
        if len(block) < BLOCK_BYTES:
            break
        if block == _ZEROS:
            # Zeros end an archive. Reading continues after them, because archives are also joined by `cat`.
            ended, lost_from = True, damage.note_lost(lost_from, at)
            continue
        # After damage only marked headers count; other blocks may be data.
        is_likely = lost_from is None or block[257:262] == b"ustar"
        size = _size(block) if is_likely and _is_header(block) else None
        if size is None:
            lost_from = at if lost_from is None else lost_from
            if lost_from == 0 and stream.position > _MAX_LEAD_BYTES:
                break  # no tar at all
            continue
        ended, lost_from = False, damage.note_lost(lost_from, at)
        flag = block[156:157]
        if flag in b"LKxXg":
            notes.read(flag, stream, size)
            _skip_padding(stream, size)
            continue
        if flag == b"S":
            _skip_sparse_map(block, stream)
        member = notes.member(block, flag, size)
        notes = _Notes(damage)
        if flag == b"V":  # the label of a tape
            continue
        end = stream.position + member.size
        yield member
        stream.skip(end - stream.position)
        _skip_padding(stream, member.size)
    damage.note_lost(lost_from, stream.position)
    damage.is_cut = not ended or stream.is_cut


def is_tar(head: bytes) -> bool:
    """Whether a file with this beginning is a tar."""
    return len(head) >= BLOCK_BYTES and _is_header(head[:BLOCK_BYTES])


class _Notes:
    """Statements of extra headers about the member after them."""

    def __init__(self, damage: Damage) -> None:
        self._damage = damage
        self._name: bytes | None = None
        self._link: str | None = None
        self._size: int | None = None
        self._is_sparse = False
        self._fault = ""

    def read(self, flag: bytes, stream: Forward, size: int) -> None:
        if size > _MAX_NOTE_BYTES:
            self._fault = f"its header has a note of {size:,} bytes; allowed: at most {_MAX_NOTE_BYTES:,}"
            stream.skip(size)
            return
        data = stream.read(size)
        if flag == b"L":
            self._name = data.split(b"\0", 1)[0]
        elif flag == b"K":
            self._link = self._text(data.split(b"\0", 1)[0])
        elif flag in b"xX":  # "g" headers apply to all members and never give a name
            self._read_pax(data)

    def member(self, block: bytes, flag: bytes, size: int) -> Member:
        raw_name = _field(block, 0, 100) if self._name is None else self._name
        prefix = _field(block, 345, 155) if block[257:263] == b"ustar\0" else b""
        if prefix and self._name is None:
            raw_name = prefix + b"/" + raw_name
        name = self._text(raw_name)
        kind = _KINDS.get(flag, "file")
        if flag in _FILES and name.endswith("/"):
            kind = "folder"  # as v7 archives mark them
        if self._is_sparse:
            kind = "sparse"
        link = self._text(_field(block, 157, 100)) if self._link is None else self._link
        if self._size is not None:
            size = self._size
        if kind not in ("file", "sparse"):
            size = 0  # a link's size field is that of its target
        return Member(name, kind, size, link, self._fault, None if _is_utf8(raw_name) else raw_name)

    def _read_pax(self, data: bytes) -> None:
        """Parse records of the form `LENGTH KEY=VALUE` plus a newline; LENGTH is that of the whole record."""
        at = 0
        while at < len(data) and data[at]:
            digits, _, _ = data[at : at + 20].partition(b" ")
            length = int(digits) if digits.isdigit() else 0
            record = data[at : at + length]
            key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
            if not length or len(record) != length or not equals or not record.endswith(b"\n"):
                self._fault = "its PAX header is malformed"
                return
            at += length
            if key == b"path":
                self._name = value
            elif key == b"linkpath":
                self._link = self._text(value)
            elif key.startswith(b"GNU.sparse."):
                self._is_sparse = True
                self._name = value if key == b"GNU.sparse.name" else self._name
            elif key == b"size":
                if not value.isdigit() or len(value) > 18:
                    self._fault = f"its PAX header gives the size {value[:40].decode('utf-8', 'replace')!r}"
                    return
                self._size = int(value)

    def _text(self, raw: bytes) -> str:
        return raw.decode("utf-8" if _is_utf8(raw) else "latin-1")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_header(block: bytes) -> bool:
    try:
        said = int(_field(block, 148, 8).strip() or b"0", 8)
    except ValueError:
        return False
    rest = block[:148] + b" " * 8 + block[156:]
    total = sum(rest)
    # Some old tools summed signed bytes.
    return said == total or said == total - 256 * sum(byte >= 128 for byte in rest)


def _size(block: bytes) -> int | None:
    """Bytes of data, octal or, from 8 GiB on, base 256; None if it is not a size."""
    raw = block[124:136]
    if raw[0] & 0x80:
        size = int.from_bytes(bytes([raw[0] & 0x7F]) + raw[1:], "big")
        return size if size < 1 << 60 else None  # a negative one has all its high bits set
    digits = raw.split(b"\0", 1)[0].strip()
    return int(digits or b"0", 8) if all(digit in b"01234567" for digit in digits) else None


def _field(block: bytes, at: int, length: int) -> bytes:
    return block[at : at + length].split(b"\0", 1)[0]


def _skip_padding(stream: Forward, size: int) -> None:
    stream.skip(-size % BLOCK_BYTES)


def _skip_sparse_map(block: bytes, stream: Forward) -> None:
    more = block[482]
    while more and len(block := stream.read(BLOCK_BYTES)) == BLOCK_BYTES:
        more = block[504]
