"""As much of FlatBuffers as it takes to see what an Arrow message says of its sizes, before it is read.

Source: FlatBuffers, "Internals".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator


class FlatTable:
    """A table; its fields are found by their numbers. What points out of the data raises `struct.error`."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._fields = at - self._number("<i", at)
        self._fields_bytes = self._number("<H", self._fields)

    @classmethod
    def root(cls, data: bytes) -> FlatTable:
        """The outermost table."""
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def has(self, field: int) -> bool:
        """Whether a field is there."""
        return self._offset(field) != 0

    def int64(self, field: int) -> int:
        """A number; 0 where the field is not there."""
        offset = self._offset(field)
        return self._number("<q", self._at + offset) if offset else 0

    def table(self, field: int) -> FlatTable:
        """A table within."""
        at = self._at + self._offset(field)
        return FlatTable(self._data, at + self._number("<I", at))

    def structs(self, field: int, form: str) -> Iterator[tuple[int, ...]]:
        """A vector of structs."""
        if not self.has(field):
            return
        at = self._at + self._offset(field)
        at += self._number("<I", at)
        count, size = self._number("<I", at), struct.calcsize(form)
        for number in range(count):
            yield struct.unpack_from(form, self._data, at + 4 + number * size)

    def _offset(self, field: int) -> int:
        at = 4 + 2 * field
        return self._number("<H", self._fields + at) if at + 2 <= self._fields_bytes else 0

    def _number(self, form: str, at: int) -> int:
        if at < 0:
            raise struct.error(f"found an offset of {at}; allowed: 0 and more")
        found: int = struct.unpack_from(form, self._data, at)[0]
        return found
