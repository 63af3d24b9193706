"""A byte range as a file with its own position, so that several readers do not interfere."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import BinaryIO

_BUFFER_BYTES = 1 << 16

ReadAt = Callable[[int, int], bytes]
"""Function `(count, offset)` that returns up to `count` bytes from `offset`."""


def view(read_at: ReadAt, size: int) -> BinaryIO:
    """An open file of `size` bytes, read through `read_at`; closing it does not close the source."""
    return io.BufferedReader(_View(read_at, size), _BUFFER_BYTES)


class _View(io.RawIOBase):
    def __init__(self, read_at: ReadAt, size: int) -> None:
        super().__init__()
        self._read_at = read_at
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"found a seek to {base + offset}; allowed: 0 and more")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a Buffer has no length in the stubs
        wanted = min(len(buffer), max(0, self._size - self._position))
        data = self._read_at(wanted, self._position) if wanted else b""
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
