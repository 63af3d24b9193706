"""Ogg files: check that the last page is complete, and find chained streams.

Source: RFC 3533, section 6.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import BinaryIO

from engine.audio.pieces import Piece, between
from engine.errors import TruncatedAudioError

PAGE_HEADER = struct.Struct("<4sBBqIIIB")
FIRST_PAGE, LAST_PAGE = 0x02, 0x04


def read_ogg(raw: BinaryIO, size: int, name: str) -> Sequence[Sequence[Piece] | None]:
    """The links of a chained file, each as pieces; None for a file with a single one.

    Raises:
        TruncatedAudioError: the file ends inside a page.
    """
    _check_last_page(raw, size, name)
    starts: list[int] = []
    at = 0
    is_in_head = False
    while at + PAGE_HEADER.size <= size:
        raw.seek(at)
        magic, _, flags, *_, segments = PAGE_HEADER.unpack(raw.read(PAGE_HEADER.size))
        if magic != b"OggS":  # damaged; the decoder searches for the next page, and ingestion rejects the file
            break
        if flags & FIRST_PAGE and not is_in_head:
            starts.append(at)
        is_in_head = bool(flags & FIRST_PAGE)
        at += PAGE_HEADER.size + segments + sum(raw.read(segments))
    return between(starts, size)


def _check_last_page(raw: BinaryIO, size: int, name: str) -> None:
    tail_bytes = min(size, 27 + 255 + 255 * 255 + 4)  # a page is never longer
    raw.seek(size - tail_bytes)
    tail = raw.read(tail_bytes)
    at = tail.rfind(b"OggS\x00")
    if at < 0:
        return
    page = io.BytesIO(tail[at:])
    header = page.read(27)
    there = len(tail) - at
    said = 27
    if len(header) == 27:
        said = 27 + header[26] + sum(page.read(header[26]))
    if said > there:
        raise TruncatedAudioError(
            f"{name} is truncated: its header says {said} bytes of audio, the file has {there}; copy or record it again"
        )
