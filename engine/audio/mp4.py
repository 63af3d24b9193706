"""MP4, M4A, MOV and 3GP files: check that all boxes are complete, and find joined recordings.

Source: ISO 14496-12, section 4.2.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO

from engine.audio.pieces import Piece, between
from engine.errors import TruncatedAudioError

_MAX_BOXES = 100_000  # fragmented files have two per fragment


def read_mp4(raw: BinaryIO, size: int, name: str) -> list[Sequence[Piece] | None]:
    """The recordings of the file, each as pieces; None for a file with a single recording.

    Raises:
        TruncatedAudioError: a box extends past the end of the file, or the index, which is written last, is missing.
    """
    at = 0
    kinds = set()
    starts = []
    for _ in range(_MAX_BOXES):
        raw.seek(at)
        head = raw.read(16)
        if len(head) < 8:
            break
        box_bytes, kind = struct.unpack(">I4s", head[:8])
        if box_bytes == 1 and len(head) == 16:
            (box_bytes,) = struct.unpack(">Q", head[8:])
        elif box_bytes == 0:  # up to the end
            box_bytes = size - at
        if box_bytes < 8:
            break
        kinds.add(kind)
        if kind == b"ftyp":
            starts.append(at)
        if at + box_bytes > size:
            raise TruncatedAudioError(
                f"{name} is truncated: its box {kind.decode('latin-1')!r} says {box_bytes} bytes, the file has "
                f"{size - at}; copy or record it again"
            )
        at += box_bytes
    if b"moov" not in kinds:
        raise TruncatedAudioError(
            f"{name} has no index ('moov'), which a recorder writes when it is closed: the file is cut short, or its "
            "recorder was stopped by force; copy it again, or repair it with a tool such as untrunc"
        )
    return between(starts, size)
