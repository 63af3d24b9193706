"""What files are called: recordings, archives, tables. The content decides; a name only says where to look."""

from __future__ import annotations

import posixpath

from engine.audio.formats import AUDIO_ENDINGS, OTHER_AUDIO_ENDINGS

__all__ = [
    "ARCHIVE_ENDINGS", "AUDIO_ENDINGS", "OTHER_AUDIO_ENDINGS", "PACKED_ENDINGS", "TABLE_ENDINGS", "ending", "is_archive", "is_source", "stem",
]  # fmt: skip
PACKED_ENDINGS = frozenset(["7z", "bz2", "gz", "rar", "tar", "tbz2", "tgz", "txz", "xz", "zip", "zst"])
"""Archives and compressed files, those that are not read among them."""
ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""The archives that are read."""
TABLE_ENDINGS = (".parquet", ".arrow", ".feather")


def ending(path: str) -> str:
    """What follows the last dot of a file's name, in lower case."""
    name = posixpath.basename(path)
    return name.rpartition(".")[2].lower() if "." in name else ""


def stem(path: str) -> str:
    """A path without its ending; of an archive, without both."""
    lower = path.lower()
    for archive_ending in sorted(ARCHIVE_ENDINGS, key=len, reverse=True):
        if lower.endswith(archive_ending):
            return path[: -len(archive_ending)]
    return path.rpartition(".")[0] if "." in posixpath.basename(path) else path


def is_archive(name: str) -> bool:
    """Whether a file is called as an archive that is read."""
    return name.lower().endswith(ARCHIVE_ENDINGS)


def is_source(name: str) -> bool:
    """Whether a single file can be called a whole dataset: an archive or a table."""
    return is_archive(name) or name.lower().endswith(TABLE_ENDINGS)
