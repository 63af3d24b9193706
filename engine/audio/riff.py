"""WAV files (RIFF, RIFX, RF64, BW64): check the header's sizes against the bytes in the file.

A killed recorder leaves sizes that are 0 or outdated; a program that writes to a pipe leaves the largest number. The
samples up to the end of the file are nevertheless complete.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from engine.audio.doubts import AudioDoubt
from engine.audio.pieces import Piece
from engine.errors import TruncatedAudioError

_STREAMED_BYTES = 0x7FFF_0000  # a program that writes to a pipe does not know the size and states a number above this
_MAX_CHUNKS = 1_000
_MOST_BYTES = 0xFFFF_FF00  # largest size that is written into a chunk
_SEARCH_BYTES = 1 << 20
_MPEG = (0x50, 0x55)  # format tags of MPEG audio, layers I and II, and III
_CHUNKS = (
    b"data",
    b"fmt ",
    b"fact",
    b"LIST",
    b"bext",
    b"cue ",
    b"PEAK",
    b"JUNK",
    b"junk",
    b"id3 ",
    b"ID3 ",
    b"iXML",
    b"smpl",
)
_TAGS = (b"TAG", b"ID3", b"APETAGEX")


@dataclass(slots=True)
class Wav:
    """The recordings in a WAV file."""

    pieces: list[Sequence[Piece] | None] = field(default_factory=list)
    """Pieces of each recording; None for the unchanged file."""
    mp3: list[tuple[int, int] | None] = field(default_factory=list)
    """Start and end of each recording's MP3 frames, if it holds MP3."""
    doubts: list[AudioDoubt] = field(default_factory=list)


@dataclass(slots=True)
class _Data:
    """A data chunk."""

    start: int
    """Offset of its samples."""
    said: int
    """Size of the samples in bytes according to its header."""
    riff_at: int
    """Offset of the file header."""
    size_at: int
    """Offset of its size field."""
    long_at: int | None
    """Offset of its 64-bit size field, if it has one."""
    order: str
    codec: int
    """Format tag of its samples."""
    pads: tuple[int, ...] = ()
    """Offsets at which a chunk of odd size lacks its padding byte."""


def read_wav(raw: BinaryIO, size: int, name: str) -> Wav:
    """The recordings in a WAV file.

    Raises:
        TruncatedAudioError: the file has fewer samples than the header states.
    """
    found = Wav()
    starts = [0]
    ends: list[int] = []
    repaired: list[_Data | None] = []
    while len(starts) < _MAX_CHUNKS:
        data = _data(raw, starts[-1], size)
        if data is None:
            ends.append(size)
            found.mp3.append(None)
            repaired.append(None)
            break
        end, is_open = _end(raw, data, size, name)
        found.mp3.append((data.start, end) if data.codec in _MPEG else None)
        repaired.append(replace(data, said=end - data.start) if is_open or data.pads else None)
        following = _next_wav(raw, end, size)
        ends.append(size if following is None else following)
        if is_open:
            said = "an unknown number of" if data.said >= _STREAMED_BYTES else f"{data.said}"
            found.doubts.append(
                AudioDoubt(
                    "open_length",
                    f"its header says {said} bytes of audio, as it does when a recorder is not closed or writes a stream; "
                    f"the {end - data.start} bytes up to the end were read",
                )
            )
        if following is None:
            break
        starts.append(following)
    for start, end, broken in zip(starts, ends, repaired, strict=True):
        if broken is not None:
            found.pieces.append(_with_sizes(broken, start, end))
        else:
            found.pieces.append([(start, end)] if len(starts) > 1 else None)
    return found


def check_riff_size(raw: BinaryIO, size: int, name: str) -> None:
    """Check the stated size of a RIFF file against its bytes.

    Raises:
        TruncatedAudioError: the file is shorter than stated.
    """
    raw.seek(4)
    said = int.from_bytes(raw.read(4), "little") + 8
    if size < said < _STREAMED_BYTES:
        raise TruncatedAudioError(
            f"{name} is truncated: its header says {said} bytes, the file has {size}; copy or record it again"
        )


def _data(raw: BinaryIO, riff_at: int, size: int) -> _Data | None:
    """The data chunk of the WAV that starts at an offset."""
    raw.seek(riff_at)
    order = ">" if raw.read(4) == b"RIFX" else "<"
    at, long_at, long_bytes, codec = riff_at + 12, None, None, 0
    pads: list[int] = []
    for _ in range(_MAX_CHUNKS):
        raw.seek(at)
        head = raw.read(8)
        if len(head) < 8:
            return None
        kind, chunk_bytes = struct.unpack(f"{order}4sI", head)
        if kind == b"ds64" and chunk_bytes >= 24 and at + 32 <= size:
            long_at = at + 16
            long_bytes = struct.unpack("<Q", raw.read(16)[8:])[0]
        if kind == b"fmt ":
            (codec,) = struct.unpack(f"{order}H", raw.read(2).ljust(2, b"\0"))
        if kind == b"data":
            said = long_bytes if chunk_bytes == 0xFFFF_FFFF and long_bytes is not None else chunk_bytes
            return _Data(at + 8, said, riff_at, at + 4, long_at, order, codec, tuple(pads))
        at += 8 + chunk_bytes
        if chunk_bytes % 2:
            raw.seek(at)
            if raw.read(4) in _CHUNKS:
                pads.append(at)
            else:
                at += 1
    return None


def _end(raw: BinaryIO, data: _Data, size: int, name: str) -> tuple[int, bool]:
    """End of the samples, and whether the header leaves it open."""
    there = size - data.start
    # A 64-bit size is never a placeholder, unless all its bits are set.
    is_streamed = (_STREAMED_BYTES <= data.said < 1 << 32 and data.long_at is None) or data.said >= 1 << 62
    if is_streamed and data.said > there:
        return _end_of_stream(raw, data.start, size), True
    if data.said > there:
        raise TruncatedAudioError(
            f"{name} is truncated: its header says {data.said} bytes of audio, the file has {there}; copy it again, or, if "
            "there is no more of it, repair the header, e.g. with `ffmpeg -i FILE NEW.wav`"
        )
    end = data.start + data.said
    if _is_behind_audio(raw, end + data.said % 2, size) or _is_behind_audio(raw, end, size):
        return end, False
    return _end_of_stream(raw, data.start, size), True


def _end_of_stream(raw: BinaryIO, start: int, size: int) -> int:
    """End of samples of unstated length: the header of the next WAV, or the end of the file."""
    following = _next_wav(raw, start, size, search=True)
    return size if following is None else following


def _is_behind_audio(raw: BinaryIO, at: int, size: int) -> bool:
    """Whether no samples follow at an offset, only the end of the file, other chunks, a tag, zeros or another WAV."""
    if size - at < 8:
        return True
    raw.seek(at)
    head = raw.read(12)
    if head.startswith((b"RIFF", b"RIFX", b"RF64", b"BW64", *_TAGS)):
        return True
    if not head.strip(b"\0"):
        return not any(raw.read(_SEARCH_BYTES).strip(b"\0") for _ in range(size // _SEARCH_BYTES + 1))
    for _ in range(_MAX_CHUNKS):
        raw.seek(at)
        kind = raw.read(8)
        if len(kind) < 8:
            return True
        name, chunk_bytes = kind[:4], max(int.from_bytes(kind[4:], "little"), 0)
        if not all(32 <= byte < 127 for byte in name) or at + 8 + chunk_bytes > size:
            return False
        at += 8 + chunk_bytes + chunk_bytes % 2
    return True


def _next_wav(raw: BinaryIO, at: int, size: int, search: bool = False) -> int | None:
    """Offset of another WAV after the samples: directly, after other chunks, or, with `search`, anywhere."""
    if search:
        while at < size:
            raw.seek(at)
            block = raw.read(_SEARCH_BYTES + 15)
            place = block.find(b"WAVEfmt ", 8)
            while place >= 8:
                if block[place - 8 : place - 4] in (b"RIFF", b"RF64"):
                    return at + place - 8
                place = block.find(b"WAVEfmt ", place + 1)
            at += _SEARCH_BYTES
        return None
    for odd in (0, 1):
        here = at + odd
        for _ in range(_MAX_CHUNKS):
            raw.seek(here)
            head = raw.read(12)
            if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:] == b"WAVE":
                return here
            if len(head) < 12 or not all(32 <= byte < 127 for byte in head[:4]):
                break
            chunk_bytes = int.from_bytes(head[4:8], "little")
            here += 8 + chunk_bytes + chunk_bytes % 2
    return None


def _with_sizes(data: _Data, start: int, end: int) -> list[Piece]:
    """The same WAV with corrected sizes."""
    data_bytes = data.said
    whole_bytes = end - start - 8 + len(data.pads)
    riff_bytes = struct.pack(f"{data.order}I", min(whole_bytes, _MOST_BYTES))
    pieces: list[Piece] = [(start, start + 4), riff_bytes]
    at = start + 8
    if data.long_at is not None:
        pieces += [(at, data.long_at - 8), struct.pack("<QQ", whole_bytes, data_bytes)]
        at = data.long_at + 8
        pieces += [(at, at + 8)]  # the count of samples
        at += 8
        size_bytes = b"\xff\xff\xff\xff"
    else:
        size_bytes = struct.pack(f"{data.order}I", min(data_bytes, _MOST_BYTES))
    for pad in data.pads:
        pieces += [(at, pad), b"\0"]
        at = pad
    return [*pieces, (at, data.size_at), size_bytes, (data.size_at + 4, end)]
