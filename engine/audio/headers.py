"""AIFF, AU, CAF, W64 and SPHERE files: check the sizes in the header against the bytes in the file."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from engine.audio.doubts import AudioDoubt
from engine.audio.formats import HEAD_BYTES, format_of
from engine.audio.pieces import MAX_PARTS, Piece, made_of, shifted
from engine.errors import TruncatedAudioError

_MAX_CHUNKS = 1_000
_SPHERE_HEADER_BYTES = 1024


@dataclass(frozen=True, slots=True)
class _Samples:
    """Location of the samples according to a header."""

    start: int
    said: int | None
    """Size in bytes; None if the header leaves it open."""
    size_at: int = 0
    """Offset of the size field."""
    size_format: str = ""
    """How the size is encoded; empty if libsndfile reads to the end of the file by itself."""
    size_extra: int = 0
    """Number of bytes that the size counts in addition to the samples."""
    is_last: bool = False
    """Whether nothing may follow the samples."""


def read_header(
    raw: BinaryIO, size: int, format_name: str, name: str
) -> tuple[list[Sequence[Piece] | None], list[AudioDoubt]]:
    """The recordings of a file, each with a corrected header, and the faults found.

    None stands for a whole file that is a single recording with a correct header.

    Raises:
        TruncatedAudioError: the file has fewer samples than the header states.
    """
    recordings: list[Sequence[Piece] | None] = []
    doubts: list[AudioDoubt] = []
    start = 0
    while len(recordings) <= MAX_PARTS:
        rest = made_of(raw, [(start, size)]) if start else raw
        following, header = _read(rest, size - start, format_name, name, doubts)
        end = size if following is None else start + following
        if header:
            recordings.append(shifted(header, start))
        else:
            recordings.append([(start, end)] if start or following is not None else None)
        if following is None:
            break
        start = end
    return recordings, doubts


def _read(
    raw: BinaryIO, size: int, format_name: str, name: str, doubts: list[AudioDoubt]
) -> tuple[int | None, Sequence[Piece]]:
    """Offset of the next recording, and the pieces of this one if its header needs a correction."""
    found = _READERS[format_name](raw, size)
    if found is None:
        return None, ()
    there = size - found.start
    if found.said is not None and found.said > there:
        raise TruncatedAudioError(
            f"{name} is truncated: its header says {found.said} bytes of audio, the file has {there}; copy or record it again"
        )
    if found.said and (following := _next_start(raw, found.start + found.said, format_name)):
        return following, ()
    is_open = found.said is None or (found.said == 0 and there > 0) or (found.is_last and found.said + 1 < there)
    if not is_open:
        return None, ()
    said = "an unknown number of" if found.said is None else f"{found.said}"
    doubts.append(
        AudioDoubt(
            "open_length",
            f"its header says {said} bytes of audio, as it does when a recorder is not closed or writes a stream; the "
            f"{there} bytes up to the end were read",
        )
    )
    if not found.size_format:
        return None, ()
    repaired = struct.pack(found.size_format, there + found.size_extra)
    return None, [(0, found.size_at), repaired, (found.size_at + len(repaired), size)]


def _next_start(raw: BinaryIO, at: int, format_name: str) -> int | None:
    """Offset of another file of the same format, directly after the samples or up to 7 bytes of padding."""
    raw.seek(at)
    head = raw.read(8 + HEAD_BYTES)
    return next((at + pad for pad in range(8) if format_of(head[pad : pad + HEAD_BYTES]) == format_name), None)


def _aiff(raw: BinaryIO, size: int) -> _Samples | None:
    for kind, start, chunk_bytes in _chunks(raw, size, 12, ">4sI"):
        if kind == b"SSND":
            return _Samples(start + 8, max(0, chunk_bytes - 8))
    return None


def _au(raw: BinaryIO, size: int) -> _Samples | None:
    raw.seek(0)
    order = ">" if raw.read(4) == b".snd" else "<"
    head = raw.read(8)
    if len(head) < 8:
        return None
    start, said = struct.unpack(f"{order}II", head)
    is_unknown = said == 0xFFFF_FFFF
    return _Samples(min(start, size), None if is_unknown else said, 8, "" if is_unknown else f"{order}I", is_last=True)


def _caf(raw: BinaryIO, size: int) -> _Samples | None:
    for kind, start, chunk_bytes in _chunks(raw, size, 8, ">4sq"):
        if kind == b"data":  # starts with an edit count of 4 bytes
            said = None if chunk_bytes < 0 else max(0, chunk_bytes - 4)
            return _Samples(start + 4, said, start - 8, ">q", 4)
    return None


def _w64(raw: BinaryIO, size: int) -> _Samples | None:
    at = 40
    for _ in range(_MAX_CHUNKS):
        raw.seek(at)
        head = raw.read(24)
        if len(head) < 24:
            return None
        (chunk_bytes,) = struct.unpack("<q", head[16:])
        if head[:4] == b"data":
            return _Samples(at + 24, None if chunk_bytes < 0 else max(0, chunk_bytes - 24))
        if chunk_bytes < 24:
            return None
        at += (chunk_bytes + 7) // 8 * 8
    return None


def _sphere(raw: BinaryIO, size: int) -> _Samples | None:
    raw.seek(0)
    head = raw.read(_SPHERE_HEADER_BYTES).decode("latin-1")
    lines = head.split("\n")
    if len(lines) < 2 or not lines[1].strip().isdecimal():
        return None
    said = 1
    for field in ("sample_count", "channel_count", "sample_n_bytes"):
        value = re.search(rf"^{field} -i (\d+)\s*$", head, re.MULTILINE)
        if value is None:
            return None
        said *= int(value[1])
    if re.search(r"^sample_coding -s\d+ \S*(?:shorten|wavpack|shortpack)", head, re.MULTILINE):
        return None  # compressed: the decoder rejects it
    return _Samples(int(lines[1]), said)


def _chunks(raw: BinaryIO, size: int, at: int, header: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, content offset and content size of each chunk."""
    length = struct.calcsize(header)
    for _ in range(_MAX_CHUNKS):
        raw.seek(at)
        head = raw.read(length)
        if len(head) < length:
            return
        kind, chunk_bytes = struct.unpack(header, head)
        yield kind, at + length, chunk_bytes
        if chunk_bytes < 0:
            return
        at += length + chunk_bytes + (chunk_bytes % 2 if length == 8 else 0)


_READERS: dict[str, Callable[[BinaryIO, int], _Samples | None]] = {
    "AIFF": _aiff,
    "AU": _au,
    "CAF": _caf,
    "W64": _w64,
    "SPHERE": _sphere,
}
