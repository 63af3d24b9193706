"""FLAC files written one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from engine.audio.pieces import Piece

_START = b"fLaC\x00\x00\x00\x22"  # the marker, and the header of STREAMINFO, which comes first
_LAST_START = b"fLaC\x80\x00\x00\x22"  # where it is the only block
_BLOCK_BYTES = 1 << 20


def read_flac(raw: BinaryIO, size: int) -> Sequence[Sequence[Piece] | None]:
    """The streams in a file, each as pieces; None for a file that is one stream."""
    starts = []
    at = 0
    while at < size:
        raw.seek(at)
        block = raw.read(_BLOCK_BYTES + len(_START) - 1)
        for marker in (_START, _LAST_START):
            place = block.find(marker)
            while 0 <= place < _BLOCK_BYTES:
                starts.append(at + place)
                place = block.find(marker, place + 1)
        at += _BLOCK_BYTES
    if len(starts) < 2:
        return [None]
    starts.sort()
    return [[(start, end)] for start, end in zip(starts, [*starts[1:], size], strict=True)]
