"""gzip, bzip2 and xz files as a stream that is read once, from its beginning, in bounded memory.

Not the standard library's file objects: when a file is cut short those raise, and lose what they had already unpacked.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

from engine.data.limits import GIB, MIB, IngestLimits
from engine.errors import IngestError

_INPUT_BYTES = 1 << 16
_OUTPUT_BYTES = 1 << 18
_XZ_MEMORY_BYTES = 256 * MIB  # `xz -9` needs 65 MiB


class Decompressor(Protocol):
    """What `bz2` and `lzma` have in common."""

    @property
    def eof(self) -> bool:
        """Whether the compressed stream has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without more input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What follows the compressed stream."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Up to `max_length` bytes of what `data` and the input before it unpack to."""
        ...


class _Gzip:
    """zlib, with the manners of the other two."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        unpacked = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = not self._zlib.unconsumed_tail and len(unpacked) < max_length
        return unpacked


def _xz() -> Decompressor:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)


def _bzip2() -> Decompressor:
    return bz2.BZ2Decompressor()


COMPRESSIONS: dict[bytes, tuple[str, Callable[[], Decompressor]]] = {
    b"\x1f\x8b": ("gzip", _Gzip),
    b"BZh": ("bzip2", _bzip2),
    b"\xfd7zXZ\x00": ("xz", _xz),
}
"""By the bytes that a file begins with."""


class Unpacked:
    """The bytes that a compressed file unpacks to. Several streams one after the other, as pigz writes, are one."""

    def __init__(self, file: BinaryIO, magic: bytes, name: str, limits: IngestLimits) -> None:
        self.position = 0
        """Bytes given so far."""
        self.is_cut = False
        """Whether the file ended before its stream did."""
        self._file = file
        self._magic = magic
        self._kind, self._new = COMPRESSIONS[magic]
        self._name = name
        self._limits = limits
        self._decompressor = self._new()
        self._buffer = b""
        self._unpacked_bytes = 0
        self._packed_bytes = 0

    def read(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end.

        Raises:
            IngestError: damaged, or a bomb.
        """
        parts: list[bytes] = []
        missing = count
        while missing and (self._buffer or self._fill()):
            parts.append(self._buffer[:missing])
            self._buffer = self._buffer[missing:]
            missing -= len(parts[-1])
        self.position += count - missing
        return b"".join(parts)

    def skip(self, count: int) -> int:
        """Leave out up to `count` bytes; gives how many there were."""
        missing = count
        while missing and (step := len(self.read(min(missing, _OUTPUT_BYTES)))):
            missing -= step
        return count - missing

    def _fill(self) -> bool:
        """Unpack some more; false at the end."""
        while not self._buffer:
            data = b""
            if self._decompressor.eof:
                data = self._decompressor.unused_data or self._input()
                if not data.startswith(self._magic[:2]):
                    return False  # the end, or padding
                self._decompressor = self._new()
            elif self._decompressor.needs_input:
                data = self._input()
                if not data:
                    self.is_cut = True
                    return False
            try:
                self._buffer = self._decompressor.decompress(data, _OUTPUT_BYTES)
            except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
                # Which of its bytes are wrong nobody can say: a tar has no checksums of its own.
                raise IngestError(
                    f"{self._name} is damaged: its {self._kind} stream cannot be unpacked beyond byte "
                    f"{self._unpacked_bytes:,} ({error}); make or upload it again"
                ) from error
            self._unpacked_bytes += len(self._buffer)
            self._check_bomb()
        return True

    def _input(self) -> bytes:
        data = self._file.read(_INPUT_BYTES)
        self._packed_bytes += len(data)
        return data

    def _check_bomb(self) -> None:
        limits, unpacked = self._limits, self._unpacked_bytes
        if unpacked > limits.ratio_floor_bytes and unpacked > limits.max_ratio * self._packed_bytes:
            raise IngestError(
                f"{self._name} is a {self._kind} bomb: it unpacks to more than {limits.max_ratio} times its size; "
                "nothing was taken from it"
            )
        if unpacked > limits.max_total_bytes:
            most = limits.max_total_bytes
            shown = f"{most / GIB:.1f} GiB" if most >= GIB else f"{most:,} bytes"
            raise IngestError(f"{self._name} unpacks to more than {shown}, the most allowed: split the dataset")
