"""A file made of stretches of another one and of given bytes: parts of it, or the whole with another header."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import BinaryIO

from engine.view import view

Piece = bytes | tuple[int, int]
"""Bytes, or where a stretch of the other file begins and ends."""


def made_of(raw: BinaryIO, pieces: Sequence[Piece]) -> BinaryIO:
    """The pieces one after the other, as a file with a position of its own; `raw` must not be read meanwhile."""
    starts = [0]
    for piece in pieces:
        starts.append(starts[-1] + (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]))

    def read_at(count: int, at: int) -> bytes:
        found = bytearray()
        for number, piece in enumerate(pieces):
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


def size_of(raw: BinaryIO) -> int:
    """Bytes of a file."""
    return raw.seek(0, os.SEEK_END)
