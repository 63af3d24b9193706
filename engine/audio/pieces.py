"""A virtual file made of byte ranges of another file and new bytes: a part of it, or the whole with a new header."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from typing import BinaryIO

from engine.view import view

_BLOCK_BYTES = 1 << 20  # read per search step

MAX_PARTS = 1_000
"""Maximum number of recordings in one file."""

Piece = bytes | tuple[int, int]
"""New bytes, or the start and end of a byte range of the other file."""


def made_of(raw: BinaryIO, pieces: Sequence[Piece]) -> BinaryIO:
    """The concatenated pieces as a file. It seeks in `raw`, which must not be read concurrently."""
    starts = [0]
    for piece in pieces:
        starts.append(starts[-1] + (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]))

    def read_at(count: int, at: int) -> bytes:
        found = bytearray()
        for number in range(max(0, bisect_right(starts, at) - 1), len(pieces)):
            if starts[number] >= at + count:
                break
            piece = pieces[number]
            first, last = max(at, starts[number]), min(at + count, starts[number + 1])
            if first >= last:
                continue
            inside, length = first - starts[number], last - first
            if isinstance(piece, bytes):
                found += piece[inside : inside + length]
            else:
                raw.seek(piece[0] + inside)
                found += raw.read(length)
        return bytes(found)

    return view(read_at, starts[-1])


def split_at(raw: BinaryIO, size: int, markers: Sequence[bytes]) -> list[Sequence[Piece] | None]:
    """The recordings of a file, each starting with one of the markers; None for a single recording."""
    starts = set()
    longest = max(map(len, markers))
    for at in range(0, size, _BLOCK_BYTES):
        raw.seek(at)
        block = raw.read(_BLOCK_BYTES + longest - 1)
        for marker in markers:
            place = block.find(marker)
            while 0 <= place < _BLOCK_BYTES:
                starts.add(at + place)
                place = block.find(marker, place + 1)
    return between(sorted(starts), size)


def between(starts: Sequence[int], size: int) -> list[Sequence[Piece] | None]:
    """Split a file at the starts of its recordings; None for a single recording."""
    if len(starts) < 2:
        return [None]
    return [[(start, end)] for start, end in zip(starts, [*starts[1:], size], strict=True)]


def shifted(pieces: Sequence[Piece], by: int) -> list[Piece]:
    """Pieces of a part, shifted by the part's offset in the file."""
    return [piece if isinstance(piece, bytes) else (piece[0] + by, piece[1] + by) for piece in pieces]


def size_of(raw: BinaryIO) -> int:
    """Size of a file in bytes."""
    return raw.seek(0, os.SEEK_END)
