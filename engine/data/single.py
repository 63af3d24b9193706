"""One file as a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.data.source import Entry, displayed
from engine.errors import ItemError


class SingleFile:
    """A file that is a dataset by itself."""

    def __init__(self, path: Path) -> None:
        self.entries = [Entry(displayed(path.name), path)]
        self.warnings: list[str] = []
        self._path = path

    def __enter__(self) -> SingleFile:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @contextmanager
    def open(self, entry: Entry, max_bytes: int) -> Iterator[BinaryIO]:
        """Open the file.

        Raises:
            ItemError: it is larger than `max_bytes`.
        """
        size_bytes = self._path.stat().st_size
        if size_bytes > max_bytes:
            raise ItemError("too_large", f"found {size_bytes:,} bytes; allowed: at most {max_bytes:,}")
        with self._path.open("rb") as file:
            yield file
