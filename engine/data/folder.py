"""A folder on this machine as a source of recordings."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.data.limits import IngestLimits
from engine.data.source import Entry, displayed, is_hidden, safe_path
from engine.errors import IngestError, ItemError


class FolderSource:
    """The files below a folder, sorted by path. Follows links only to files inside the folder."""

    def __init__(self, folder: Path, limits: IngestLimits, excluded: Path) -> None:
        """List the files.

        Args:
            folder: the source.
            limits: on the number of files.
            excluded: a folder to skip (the output folder).

        Raises:
            IngestError: more files than allowed.
        """
        self.entries: list[Entry] = []
        self.warnings: list[str] = []
        self._root = folder.resolve()
        self._excluded = excluded.resolve()
        found = 0
        for parent, folders, names in os.walk(self._root, onerror=self._unreadable):
            here = Path(parent)
            links = [name for name in folders if (here / name).is_symlink()]
            folders[:] = sorted(name for name in folders if here / name != self._excluded and name not in links)
            for name in names + links:
                found += 1
                if found > limits.max_members:
                    raise IngestError(
                        f"{folder} has more than {limits.max_members:,} files, the most allowed: split it"
                    )
                self._add(here / name)
        self.entries.sort(key=lambda entry: entry.path)

    def __enter__(self) -> FolderSource:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @contextmanager
    def open(self, entry: Entry, max_bytes: int) -> Iterator[BinaryIO]:
        """Open one file.

        Raises:
            ItemError: the file has a fault, is larger than `max_bytes`, or cannot be read.
        """
        if entry.fault:
            raise entry.fault
        assert isinstance(entry.handle, Path)
        try:
            descriptor = os.open(entry.handle, os.O_RDONLY)  # by number, so that messages do not repeat the path
        except OSError as error:
            raise ItemError("corrupt", f"the file cannot be opened ({error.strerror})") from error
        with os.fdopen(descriptor, "rb") as file:
            size_bytes = os.fstat(descriptor).st_size
            if size_bytes > max_bytes:
                raise ItemError("too_large", f"found {size_bytes:,} bytes; allowed: at most {max_bytes:,}")
            yield file

    def _add(self, file: Path) -> None:
        name = file.relative_to(self._root).as_posix()
        try:
            path = displayed(safe_path(name))
        except ItemError as fault:
            self.entries.append(Entry(displayed(name), file, fault))
            return
        if is_hidden(path):
            return
        raw_name = os.fsencode(name) if any("\udc80" <= char <= "\udcff" for char in name) else None
        self.entries.append(Entry(path, file, self._fault(file), raw_name))

    def _fault(self, file: Path) -> ItemError | None:
        try:
            target = file.resolve(strict=True)
            if file.is_symlink() and not (target.is_file() and target.is_relative_to(self._root)):
                return ItemError("symlink", "found a link to a folder or out of the dataset; allowed: plain files")
            if not stat.S_ISREG(target.stat().st_mode):
                return ItemError("unsafe_path", "found a device, a pipe or a socket; allowed: plain files")
        except (OSError, RuntimeError):
            return ItemError("symlink", "found a link that leads nowhere; allowed: plain files")
        return None

    def _unreadable(self, error: OSError) -> None:
        self.warnings.append(f"the folder {displayed(str(error.filename))} cannot be read ({error.strerror})")
