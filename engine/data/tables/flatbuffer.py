"""A minimal FlatBuffers reader, for the sizes that an Arrow message states, before the message is read.

Source: FlatBuffers, "Internals".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator


class FlatTable:
    """A table whose fields are accessed by number. Offsets outside the data raise `struct.error`."""

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
        """Whether a field is present."""
        return self._offset(field) != 0

    def int64(self, field: int) -> int:
        """An integer field; 0 if it is not present."""
        offset = self._offset(field)
        return self._number("<q", self._at + offset) if offset else 0

    def table(self, field: int) -> FlatTable:
        """A field that is a table."""
        at = self._at + self._offset(field)
        return FlatTable(self._data, at + self._number("<I", at))

    def structs(self, field: int, form: str) -> Iterator[tuple[int, ...]]:
        """A field that is a vector of structs; empty if it is not present."""
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
