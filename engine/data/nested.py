"""A folder with archives in it, such as the downloaded parts of a corpus, read as one source.

Each archive is read as if it had been unpacked where it lies. If two would give the same path, or an archive is named after
a split (`train.tar.gz`), its members appear in a folder named after it. An unreadable archive is rejected by name; archives
within archives are never unpacked.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from engine.data.endings import is_archive, stem
from engine.data.limits import IngestLimits
from engine.data.source import DataSource, Entry, displayed
from engine.data.split_names import split_of_name
from engine.errors import IngestError, ItemError


class Archive(DataSource, Protocol):
    """A source whose members come out of one file."""

    unpacked_bytes: int
    """Bytes of data of all members."""


@dataclass(frozen=True, slots=True)
class _Inside:
    """A member of an archive of the folder."""

    archive: Archive
    entry: Entry


class NestedSource:
    """The files of a folder, and the members of its archives."""

    def __init__(self, folder: DataSource, open_archive: Callable[[Path], Archive], limits: IngestLimits) -> None:
        """Open every archive of the folder.

        Args:
            folder: with archives, whose handles are paths.
            open_archive: opens an archive by its content.
            limits: for all archives together.

        Raises:
            IngestError: more members or bytes than allowed.
        """
        self.warnings = list(folder.warnings)
        self._folder = folder
        self._limits = limits
        with ExitStack() as stack:
            stack.enter_context(folder)
            opened: dict[str, Archive] = {}
            broken: list[Entry] = []
            for entry in folder.entries:
                if entry.fault or not is_archive(entry.path):
                    continue
                assert isinstance(entry.handle, Path)
                try:
                    opened[entry.path] = stack.enter_context(_entered(open_archive(entry.handle)))
                except IngestError as error:
                    broken.append(Entry(entry.path, entry.handle, ItemError("bad_archive", str(error))))
                self._check_total(opened)
            done = {*opened, *(entry.path for entry in broken)}
            self.entries = [entry for entry in folder.entries if entry.path not in done] + broken
            self._add_members(opened)
            self._stack = stack.pop_all()

    def __enter__(self) -> NestedSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def open(self, entry: Entry, max_bytes: int) -> Iterator[BinaryIO]:
        """Open a file, or a member of an archive.

        Raises:
            ItemError: the file has a fault, is larger than `max_bytes`, or cannot be read.
            IngestError: the file is a bomb.
        """
        handle = entry.handle
        found = handle.archive.open(handle.entry, max_bytes) if isinstance(handle, _Inside) else None
        with found or self._folder.open(entry, max_bytes) as file:
            yield file

    def _check_total(self, opened: dict[str, Archive]) -> None:
        members = sum(len(archive.entries) for archive in opened.values())
        if members > self._limits.max_members:
            raise IngestError(
                f"the archives {', '.join(opened)} have {members:,} members; allowed: at most "
                f"{self._limits.max_members:,}: split the dataset"
            )
        unpacked = sum(archive.unpacked_bytes for archive in opened.values())
        if unpacked > self._limits.max_total_bytes:
            raise IngestError(
                f"the archives {', '.join(opened)} unpack to {unpacked:,} bytes; allowed: at most "
                f"{self._limits.max_total_bytes:,}: split the dataset"
            )

    def _add_members(self, opened: dict[str, Archive]) -> None:
        if not opened:
            return
        here: Counter[str] = Counter(entry.path for entry in self.entries)
        for path, archive in opened.items():
            for inside in {member.path for member in archive.entries if not member.fault}:
                here[posixpath.join(posixpath.dirname(path), inside)] += 1
        clash = any(count > 1 for count in here.values())
        for path, archive in opened.items():
            name = posixpath.basename(stem(path))
            apart = clash or split_of_name(name) is not None
            folder = posixpath.join(posixpath.dirname(path), name if apart else "")
            for member in archive.entries:
                shown = f"{path}: {member.path}" if member.fault else posixpath.join(folder, member.path)
                handle = _Inside(archive, member)
                self.entries.append(Entry(displayed(shown), handle, member.fault, member.raw_name, folder))
            self.warnings += archive.warnings


def _entered(archive: Archive) -> AbstractContextManager[Archive]:
    @contextmanager
    def entered() -> Iterator[Archive]:
        with archive:
            yield archive

    return entered()
