"""WavPack files: find their blocks, without the tags after them, and joined recordings.

Source: WavPack 4 and 5 binary file format, section 2.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO

from engine.audio.pieces import Piece
from engine.errors import TruncatedAudioError

_HEADER = struct.Struct("<4sIHBBIIII")
_FIRST_OF_ITS_CHANNELS = 0x800
_MAX_BLOCKS = 1_000_000
_MARKER = b"wvpk"
_SEARCHED_BYTES = 1 << 20


def read_wavpack(raw: BinaryIO, size: int, name: str) -> list[Sequence[Piece] | None]:
    """The recordings in a file, each as pieces; None if none is found.

    Raises:
        TruncatedAudioError: the file ends inside a block.
    """
    parts: list[list[tuple[int, int]]] = []
    at = 0
    for _ in range(_MAX_BLOCKS):
        raw.seek(at)
        head = raw.read(_HEADER.size)
        if len(head) < _HEADER.size or not head.startswith(_MARKER):
            following = _search(raw, at, size)
            if following is None:
                break
            at = following
            continue
        _, length, *_, index, _, flags = _HEADER.unpack(head)
        end = at + 8 + length
        if end > size:
            raise TruncatedAudioError(
                f"{name} is truncated: it ends inside a block, with {size - at} of {8 + length} bytes; copy it again"
            )
        if not parts or (index == 0 and flags & _FIRST_OF_ITS_CHANNELS):
            parts.append([])
        if parts[-1] and parts[-1][-1][1] == at:
            parts[-1][-1] = parts[-1][-1][0], end
        else:
            parts[-1].append((at, end))
        at = end
    return [*parts] or [None]


def _search(raw: BinaryIO, at: int, size: int) -> int | None:
    """Offset of the next block after a tag."""
    while at < size:
        raw.seek(at)
        block = raw.read(_SEARCHED_BYTES + len(_MARKER) - 1)
        place = block.find(_MARKER)
        if 0 <= place < _SEARCHED_BYTES:
            return at + place
        at += _SEARCHED_BYTES
    return None
