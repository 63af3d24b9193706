"""Read gzip, bzip2 and xz files as forward-only streams, in bounded memory.

The standard library's file objects are not used: on a truncated file they raise, and lose what they already unpacked.
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
    """The common interface of the decompressors of `bz2` and `lzma`."""

    @property
    def eof(self) -> bool:
        """Whether the compressed stream has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether there is no more output without more input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Data after the end of the compressed stream."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Unpack up to `max_length` bytes of the earlier input and `data`."""
        ...


class _Gzip:
    """zlib with the interface of the other two."""

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
"""Name and decompressor of each format, by the first bytes of a file."""


class Unpacked:
    """The unpacked bytes of a compressed file. Concatenated streams, as pigz writes them, are read as one."""

    def __init__(self, file: BinaryIO, magic: bytes, name: str, limits: IngestLimits) -> None:
        self.position = 0
        """Bytes returned so far."""
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
        """Skip up to `count` bytes; returns how many there were."""
        missing = count
        while missing and (step := len(self.read(min(missing, _OUTPUT_BYTES)))):
            missing -= step
        return count - missing

    def _fill(self) -> bool:
        """Unpack the next bytes; False at the end."""
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
                # There is no telling which bytes are wrong: a tar has no checksums of its data.
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
