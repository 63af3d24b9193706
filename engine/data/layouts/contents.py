"""The files of a source as a layout sees them: by path, with the claims of earlier layouts."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from engine.data.archive_names import with_names
from engine.data.endings import ending
from engine.data.example import AudioInput
from engine.data.layout import Layout
from engine.data.layouts.locating import Index, Located, locate
from engine.data.limits import IngestLimits
from engine.data.source import DataSource, Entry
from engine.data.targets import TEXTS, TargetTypes, kind_of
from engine.data.text_encoding import decode, decode_head, is_unicode
from engine.errors import IngestError, ItemError
from engine.media.contract import Medium
from engine.media.registry import medium_named

_HEAD_BYTES = 1 << 16
_HEAD_LINES = 5
_POOLED_FILES = 200  # read to detect the encoding of a file that is too short


class Contents:
    """The files of a source."""

    def __init__(
        self,
        source: DataSource,
        limits: IngestLimits,
        layout: Layout,
        language: str | None = None,
        types: TargetTypes = TEXTS,
        medium: Medium[Any] | None = None,
    ) -> None:
        """Index a source; unreadable files, and further files with the same path, are rejected."""
        self.source = source
        self.limits = limits
        self.language = language
        """Spoken language, if the user gives it."""
        self.types = types
        """Allowed types of targets."""
        self.medium = medium or medium_named(AudioInput.medium)
        """What kind of inputs is looked for."""
        self.target = self.medium.target(kind_of(types))
        """The kind of target that is looked for."""
        self.by_path: dict[str, Entry] = {}
        """Every file that can be opened."""
        self.faulty: set[str] = set()
        """Files that cannot be opened; already rejected."""
        self.claimed: set[str] = set()
        """Metadata files that a layout has recognised."""
        self.named: set[str] = set()
        """Recordings that some row names."""
        self._layout = layout
        layout.codes, layout.actions = self.medium.codes, self.medium.actions
        self._heads: dict[str, list[str]] = {}
        entries, warnings = with_names(source.entries, self._beginning)
        layout.warnings += warnings
        source.entries[:] = entries
        for entry in entries:
            if entry.fault:
                layout.set_item_aside(entry.path, entry.fault.code, entry.fault.reason)
                self.faulty.add(entry.path)
            elif entry.path in self.by_path:
                reason = "an earlier file has the same path; that one was kept"
                layout.set_item_aside(entry.path, "duplicate_name", reason)
            else:
                self.by_path[entry.path] = entry
        self.file_names = frozenset(name for path in self.by_path if "." in (name := posixpath.basename(path)))
        """Names, without folders, of all files that have an ending."""
        self._sorted = sorted(self.by_path)
        self._index = Index([*self.by_path, *self.faulty], self.medium.files)
        self._loosely: dict[str, str] = {}

    def unclaimed(self, *endings: str) -> Iterator[str]:
        """Files that no layout has claimed and that have one of these endings, ordered by path."""
        for path in self._sorted:
            if path not in self.claimed and path.lower().endswith(endings):
                yield path

    def head(self, path: str) -> list[str]:
        """The first non-blank lines of a file; a single empty line if it has none or cannot be read."""
        if path not in self._heads:
            data = self._beginning(self.by_path[path])
            lines = [line.strip("\r") for line in decode_head(data).split("\n") if line.strip()]
            self._heads[path] = lines[:_HEAD_LINES] or [""]
        return self._heads[path]

    def read(self, path: str) -> bytes:
        """The bytes of a metadata file.

        Raises:
            IngestError: it cannot be read.
        """
        try:
            with self.source.open(self.by_path[path], self.limits.max_metadata_bytes) as file:
                return file.read()
        except ItemError as fault:
            raise IngestError(f"{path} cannot be read: {fault.reason}; make it or the archive again") from fault

    def text(self, path: str) -> str:
        """A metadata file's text; oddities of its encoding become warnings.

        Raises:
            IngestError: it cannot be read, or its encoding is unclear.
        """
        found = decode(path, self.read(path), lambda: self._alike(path))
        self._layout.warnings += found.warnings
        return found.text

    def _alike(self, path: str) -> Iterator[bytes]:
        """The beginnings of files of the same kind, which probably have the same encoding."""
        others = [other for other in self._sorted if other != path and ending(other) == ending(path)]
        for other in others[:_POOLED_FILES]:
            data = self._beginning(self.by_path[other])
            if not is_unicode(data):
                yield data

    def _beginning(self, entry: Entry) -> bytes:
        """The first bytes of a file; empty if it cannot be read."""
        try:
            with self.source.open(entry, self.limits.max_metadata_bytes) as file:
                return file.read(_HEAD_BYTES)
        except ItemError:
            return b""

    def lines(self, path: str) -> Iterator[tuple[int, str]]:
        """Each non-blank line of a metadata file, with its number.

        Raises:
            IngestError: it cannot be read.
        """
        for number, line in enumerate(self.text(path).split("\n"), start=1):
            if line.strip():
                yield number, line.strip("\r")

    def names_recording(self, name: str) -> bool:
        """Whether a recording in any folder has this name, with or without its ending."""
        return name in self._index

    def recording(self, path: str) -> str | None:
        """The path of a recording that is named with or without its ending, in any case; None if there is none."""
        path = unicodedata.normalize("NFC", path)
        found = self._index.exact(path)
        if found is None and (found := self._index.loose(path)):
            self._loosely[path] = found
        return found

    def locate(self, names: Sequence[str], metadata: str) -> Located:
        """Locate the recordings that a metadata file names; oddities of the names become warnings."""
        located = locate(names, metadata, self._index)
        if located.prefix:
            self._layout.warnings.append(
                f"{metadata} names its recordings below {located.prefix}, which is not in the source; they were looked for "
                f"in {located.base or 'its top folder'}"
            )
        moved = {name: path for name, path in located.elsewhere.items() if "/" in name or "\\" in name}
        if moved:
            name, path = next(iter(moved.items()))
            self._layout.warnings.append(
                f"{metadata} names {len(moved)} recordings in other folders than they are in; they were found by their "
                f"names alone, such as {path} for {name!r}"
            )
        self._loosely |= located.loosely
        return located

    def warn(self) -> None:
        """Warn about recordings whose names differ from those in the metadata."""
        if self._loosely:
            asked, found = next(iter(self._loosely.items()))
            self._layout.warnings.append(
                f"{len(self._loosely)} recordings have other names than in the metadata, in case, ending, escapes or number, "
                f"and nothing else fits: {found} was taken for {asked!r}"
            )
