"""The files of a source as a layout sees them: by path, with what other layouts have already taken."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.audio.formats import ENDINGS_IN_ORDER
from engine.data.endings import ending
from engine.data.layout import Layout
from engine.data.limits import IngestLimits
from engine.data.metadata import plain_path
from engine.data.source import DataSource, Entry
from engine.data.text_encoding import decode, decode_head, is_unicode
from engine.errors import IngestError, ItemError

_HEAD_BYTES = 1 << 16
_HEAD_LINES = 5
_POOLED_FILES = 200  # read to tell the encoding of one that is too short
_SAMPLED_NAMES = 200  # looked at to find where the recordings of a manifest are


class Contents:
    """The files of a source."""

    def __init__(self, source: DataSource, limits: IngestLimits, layout: Layout, language: str | None = None) -> None:
        """Take stock of a source; files that cannot be read, and second files of one path, are set aside."""
        self.source = source
        self.limits = limits
        self.language = language
        """What is spoken, if the user says so."""
        self.by_path: dict[str, Entry] = {}
        """Every file that can be opened."""
        self.faulty: set[str] = set()
        """Files that are set aside already."""
        self.claimed: set[str] = set()
        """Metadata files that a layout has recognised."""
        self.named: set[str] = set()
        """Recordings that some row names."""
        self._layout = layout
        self._heads: dict[str, list[str]] = {}
        for entry in source.entries:
            if entry.fault:
                layout.set_item_aside(entry.path, entry.fault.code, entry.fault.reason)
                self.faulty.add(entry.path)
            elif entry.path in self.by_path:
                reason = "an earlier file has the same path; that one was kept"
                layout.set_item_aside(entry.path, "duplicate_name", reason)
            else:
                self.by_path[entry.path] = entry
        self._sorted = sorted(self.by_path)

    def unclaimed(self, *endings: str) -> Iterator[str]:
        """Files that no layout has recognised as its own and whose name ends in one of these ways, by path."""
        for path in self._sorted:
            if path not in self.claimed and path.lower().endswith(endings):
                yield path

    def head(self, path: str) -> list[str]:
        """The first lines of a file that are not blank; at least one, which is empty if the file cannot be read."""
        if path not in self._heads:
            try:
                with self.source.open(self.by_path[path], self.limits.max_metadata_bytes) as file:
                    data = file.read(_HEAD_BYTES)
            except ItemError:
                data = b""
            lines = [line.strip("\r") for line in decode_head(data).split("\n") if line.strip()]
            self._heads[path] = lines[:_HEAD_LINES] or [""]
        return self._heads[path]

    def read(self, path: str) -> bytes:
        """A metadata file.

        Raises:
            IngestError: it cannot be read.
        """
        try:
            with self.source.open(self.by_path[path], self.limits.max_metadata_bytes) as file:
                return file.read()
        except ItemError as fault:
            raise IngestError(f"{path} cannot be read: {fault.reason}; make it or the archive again") from fault

    def text(self, path: str) -> str:
        """A metadata file's text; what is odd about its encoding becomes a warning.

        Raises:
            IngestError: it cannot be read, or its encoding cannot be told.
        """
        found = decode(path, self.read(path), lambda: self._alike(path))
        self._layout.warnings += found.warnings
        return found.text

    def _alike(self, path: str) -> Iterator[bytes]:
        """The beginnings of files of the same kind, which are probably encoded alike."""
        others = [other for other in self._sorted if other != path and ending(other) == ending(path)]
        for other in others[:_POOLED_FILES]:
            try:
                with self.source.open(self.by_path[other], self.limits.max_metadata_bytes) as file:
                    data = file.read(_HEAD_BYTES)
            except ItemError:
                continue
            if not is_unicode(data):
                yield data

    def lines(self, path: str) -> Iterator[tuple[int, str]]:
        """Each line of a metadata file that is not blank, and its number.

        Raises:
            IngestError: it cannot be read.
        """
        for number, line in enumerate(self.text(path).split("\n"), start=1):
            if line.strip():
                yield number, line.strip("\r")

    def recording(self, path: str) -> str | None:
        """The path of a recording that is named with its ending, or without."""
        path = unicodedata.normalize("NFC", path)
        for candidate in (path, *(f"{path}.{kind}" for kind in ENDINGS_IN_ORDER)):
            if candidate in self.by_path or candidate in self.faulty:
                return candidate
        return None

    def locate(self, names: Sequence[str], metadata: str) -> Located:
        """Where the recordings are that a manifest names.

        Paths in manifests are those of the machine that made them: absolute, or relative to some folder above. So a
        leading part that all of them share may be missing in the source, and what is left is looked for in the folder
        of the manifest and in those above it. Only shared parts are left out, so two names never become one.
        """
        plain = [_plain(name) for name in names[:: max(1, len(names) // _SAMPLED_NAMES)]]
        shared = _shared_folders([_plain(name) for name in names])
        folder = posixpath.dirname(metadata)
        best, best_hits = Located(self, folder, ""), 0
        for base in _above(folder):
            for kept in range(len(shared) + 1):
                found = Located(self, base, "".join(f"{part}/" for part in shared[:kept]))
                hits = sum(found.find(name) is not None for name in plain)
                if hits > best_hits:
                    best, best_hits = found, hits
            if best_hits == len(plain):
                break
        if best.prefix:
            self._layout.warnings.append(
                f"{metadata} names its recordings below {best.prefix}, which is not in the source; they were looked for "
                f"in {best.base or 'its top folder'}"
            )
        return best


@dataclass(frozen=True, slots=True)
class Located:
    """How the names in a manifest become paths in the source."""

    contents: Contents
    base: str
    """The folder they are relative to."""
    prefix: str
    """What is left out at their beginning."""

    def find(self, name: str) -> str | None:
        """The path of a recording, or None if there is no such file."""
        path = self.path(name)
        is_there = path in self.contents.by_path or path in self.contents.faulty
        return path if is_there else None

    def path(self, name: str) -> str:
        """The path that a name stands for, whether it is there or not."""
        rest = _plain(name).removeprefix(self.prefix)
        return posixpath.normpath(posixpath.join(self.base, rest.lstrip("/")))


def _plain(name: str) -> str:
    """With `/`; an absolute path keeps its root, and a drive is only another root."""
    path = name.strip().replace("\\", "/")
    drive = re.match(r"[A-Za-z]:/?", path)
    if drive:
        return f"/{drive[0][0]}/{plain_path(path[drive.end() :])}"
    return ("/" if path.startswith("/") else "") + plain_path(path)


def _shared_folders(paths: list[str]) -> list[str]:
    """The folders, from the outermost on, that all paths are in; of absolute ones the first is empty."""
    shared: list[str] | None = None
    for path in paths:
        parts = path.split("/")[:-1]
        if shared is None:
            shared = parts
            continue
        same = next((at for at, (a, b) in enumerate(zip(shared, parts, strict=False)) if a != b), None)
        shared = shared[: len(parts) if same is None else same]
    return [] if shared is None or ".." in shared else shared


def _above(folder: str) -> Iterator[str]:
    """A folder and all above it, up to the top, which is empty."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""
