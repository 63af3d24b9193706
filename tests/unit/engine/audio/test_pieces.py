"""Files made of stretches of others."""

from __future__ import annotations

import io
import random

from engine.audio.pieces import Piece, made_of, split_at


def test_every_read_gives_the_bytes_of_its_place() -> None:
    source = bytes(range(256)) * 4
    draw = random.Random(1)
    pieces: list[Piece] = [b"head", (10, 10), (100, 300), b"", (7, 8), b"middle", (500, 900)]
    whole = b"head" + source[100:300] + source[7:8] + b"middle" + source[500:900]
    file = made_of(io.BytesIO(source), pieces)
    assert file.read() == whole
    for _ in range(200):
        at, count = draw.randrange(len(whole) + 5), draw.randrange(300)
        file.seek(at)
        assert file.read(count) == whole[at : at + count]


def test_markers_are_found_wherever_they_lie() -> None:
    block = 1 << 20
    for at in (block - 3, block, 3 * block - 1):
        data = b"MARK" + bytes(at - 4) + b"MARK" + bytes(100)
        assert split_at(io.BytesIO(data), len(data), [b"MARK"]) == [[(0, at)], [(at, len(data))]]
    assert split_at(io.BytesIO(b"MARK" + bytes(50)), 54, [b"MARK"]) == [None]
