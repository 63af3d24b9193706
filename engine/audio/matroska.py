"""Matroska and WebM files: check their stated sizes, and find joined recordings.

Source: RFC 8794, EBML.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from engine.audio.doubts import AudioDoubt
from engine.audio.pieces import Piece, between, split_at
from engine.errors import TruncatedAudioError

_HEADER, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_DOCUMENT_TYPES = (b"\x42\x82\x84webm", b"\x42\x82\x88matroska")
_MAX_ELEMENTS = 10_000


def read_matroska(raw: BinaryIO, size: int, name: str) -> tuple[list[Sequence[Piece] | None], list[AudioDoubt]]:
    """The recordings of a file, each as pieces; None for a file with a single recording.

    Raises:
        TruncatedAudioError: a segment extends past the end of the file.
    """
    at = 0
    starts = []
    for _ in range(_MAX_ELEMENTS):
        raw.seek(at)
        head = raw.read(12)
        kind, rest = head[:4], head[4:]
        if kind == _HEADER:
            starts.append(at)
        length, said = _size(rest)
        if not length or (kind not in (_HEADER, _SEGMENT) and not starts):
            break
        if said is None:  # a stream, as browsers record it
            return _stream(raw, size, starts)
        if kind == _SEGMENT and at + 4 + length + said > size:
            raise TruncatedAudioError(
                f"{name} is truncated: its header says {said} bytes, the file has {size - at - 4 - length}; copy or record "
                "it again"
            )
        at += 4 + length + said
    return between(starts, size), []


def _stream(raw: BinaryIO, size: int, starts: Sequence[int]) -> tuple[list[Sequence[Piece] | None], list[AudioDoubt]]:
    reason = "its header states no length, as in recordings of browsers; everything up to the end was read"
    doubts = [AudioDoubt("open_length", reason)]
    # The header of each further recording lies a few bytes before its document type.
    parts = split_at(raw, size, _DOCUMENT_TYPES)
    places = [starts[0]] if starts else [0]
    for part in parts[1:]:
        assert part is not None
        first = part[0]
        assert isinstance(first, tuple)
        window = max(0, first[0] - 64)
        raw.seek(window)
        found = raw.read(first[0] - window).rfind(_HEADER)
        if found >= 0:
            places.append(window + found)
    return between(places, size), doubts


def _size(head: bytes) -> tuple[int, int | None]:
    """Length of a size field in bytes, and the size; None for an open size."""
    if not head or not head[0]:
        return 0, None
    length = 9 - head[0].bit_length()
    if len(head) < length:
        return 0, None
    value = int.from_bytes(head[:length], "big") & ((1 << 7 * length) - 1)
    return length, None if value == (1 << 7 * length) - 1 else value
