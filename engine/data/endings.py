"""File extensions of inputs, archives and tables. The content decides; a name only says where to look."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from engine.audio.formats import AUDIO_ENDINGS, ENDINGS_IN_ORDER, OTHER_AUDIO_ENDINGS

__all__ = [
    "ARCHIVE_ENDINGS", "AUDIO_ENDINGS", "AUDIO_FILES", "OTHER_AUDIO_ENDINGS", "PACKED_ENDINGS", "TABLE_ENDINGS",
    "FileKinds", "ending", "is_archive", "is_source", "stem",
]  # fmt: skip
PACKED_ENDINGS = frozenset(["7z", "bz2", "gz", "rar", "tar", "tbz2", "tgz", "txz", "xz", "zip", "zst"])
"""Archives and compressed files, including unsupported ones."""
ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""Supported archives."""
TABLE_ENDINGS = (".parquet", ".arrow", ".feather")


def ending(path: str) -> str:
    """The extension of a file's name, in lower case, without the dot."""
    name = posixpath.basename(path)
    return name.rpartition(".")[2].lower() if "." in name else ""


@dataclass(frozen=True, slots=True)
class FileKinds:
    """The files of a medium, by their endings in lower case, without the dot."""

    read: tuple[str, ...]
    """Endings that are read; for a name without an ending, the first that exists is used."""
    other: frozenset[str] = frozenset()
    """Endings of files of this medium that are not read."""

    def reads(self, path: str) -> bool:
        """Whether a file has an ending that is read."""
        return ending(path) in self.read

    def knows(self, path: str) -> bool:
        """Whether a file has an ending of this medium."""
        kind = ending(path)
        return kind in self.read or kind in self.other

    def stem(self, path: str) -> str:
        """A path without an ending of this medium."""
        return path.rpartition(".")[0] if self.knows(path) else path

    def preference(self, path: str) -> tuple[int, str]:
        """Sorts files: those that are read first, in the order of their endings."""
        kind = ending(path)
        return self.read.index(kind) if kind in self.read else len(self.read), path


AUDIO_FILES = FileKinds(ENDINGS_IN_ORDER, OTHER_AUDIO_ENDINGS)


def stem(path: str) -> str:
    """A path without its extension; for `.tar.gz` and the like, without both."""
    lower = path.lower()
    for archive_ending in sorted(ARCHIVE_ENDINGS, key=len, reverse=True):
        if lower.endswith(archive_ending):
            return path[: -len(archive_ending)]
    return path.rpartition(".")[0] if "." in posixpath.basename(path) else path


def is_archive(name: str) -> bool:
    """Whether a file has the extension of a supported archive."""
    return name.lower().endswith(ARCHIVE_ENDINGS)


def is_source(name: str) -> bool:
    """Whether a single file's extension can be that of a whole dataset: an archive or a table."""
    return is_archive(name) or name.lower().endswith(TABLE_ENDINGS)
