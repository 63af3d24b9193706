"""What WAV, Ogg and MP3 files say about their own length, held against the bytes that are there.

libsndfile reads a file that was cut short without a word; a transcript of the whole would then be trained on a part.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from engine.audio.mpeg import Length, mp3_length
from engine.errors import TruncatedAudioError

_STREAMED_BYTES = 0x7FFF_0000  # writers to a pipe cannot know the size and put some number above this
_MAX_CHUNKS = 1_000  # before the data of a WAV


def check_container(raw: BinaryIO, size: int, name: str) -> Length:
    """How far the length that the file states can be trusted.

    Raises:
        TruncatedAudioError: the container ends before its own header says.
    """
    raw.seek(0)
    head = raw.read(12)
    missing = None
    if head[:4] in (b"RIFF", b"RF64", b"RIFX", b"BW64") and head[8:12] == b"WAVE":
        missing = _missing_from_wav(raw, size, big_endian=head[:4] == b"RIFX", name=name)
    elif head[:4] == b"OggS":
        missing = _missing_from_ogg(raw, size)
    elif head[:3] == b"ID3" or (head[0] == 0xFF and head[1:2] >= b"\xe0"):
        return mp3_length(raw)
    if missing is not None:
        said, there = missing
        raise TruncatedAudioError(
            f"{name} is truncated: its header says {said} bytes of audio, the file has {there}; copy or record it again"
        )
    return "stated"


def _missing_from_wav(raw: BinaryIO, size: int, big_endian: bool, name: str) -> tuple[int, int] | None:
    """Bytes of audio that a WAV's header says and that are there, if fewer are there."""
    order = ">" if big_endian else "<"
    raw.seek(4)
    (riff_bytes,) = struct.unpack(f"{order}I", raw.read(4))
    long_bytes = None
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > size:
            break
        raw.seek(at)
        kind, chunk_bytes = struct.unpack(f"{order}4sI", raw.read(8))
        there = size - at - 8
        if kind == b"ds64" and chunk_bytes >= 24 and there >= 24:
            long_bytes = struct.unpack("<Q", raw.read(16)[8:])[0]
        if kind == b"data":
            said = long_bytes if chunk_bytes == 0xFFFF_FFFF and long_bytes is not None else chunk_bytes
            streamed = long_bytes is None and chunk_bytes >= _STREAMED_BYTES
            if said > there and not streamed:
                return said, there
            if said == 0 < there and riff_bytes == 0:
                raise TruncatedAudioError(
                    f"{name} was never closed by its recorder: its header says 0 bytes of audio, {there} bytes follow; "
                    "repair the header, e.g. with `ffmpeg -ignore_length 1 -i FILE NEW.wav`"
                )
            return None
        at += 8 + chunk_bytes + chunk_bytes % 2
    return None


def _missing_from_ogg(raw: BinaryIO, size: int) -> tuple[int, int] | None:
    """Bytes that an Ogg file's last page says and that are there, if fewer are there."""
    tail_bytes = min(size, 27 + 255 + 255 * 255 + 4)  # a page is never longer
    raw.seek(size - tail_bytes)
    tail = raw.read(tail_bytes)
    at = tail.rfind(b"OggS\x00")
    if at < 0:
        return None
    page = io.BytesIO(tail[at:])
    header = page.read(27)
    there = len(tail) - at
    if len(header) < 27:
        return 27, there
    segments = page.read(header[26])
    said = 27 + header[26] + sum(segments)
    return (said, there) if said > there else None
