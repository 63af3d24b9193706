"""The interface of a source for ingestion: a list of entries that are opened one at a time."""

from __future__ import annotations

import re
import unicodedata
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from engine.errors import ItemError

LONGEST_PATH = 1000
"""Maximum number of characters of a path in a source."""
MOST_PARTS = 32
"""Maximum number of parts of such a path, including the file: names in metadata are looked up in each folder."""
_IGNORED_NAMES = ("__macosx", "thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a source."""

    path: str
    """Relative path with `/`, in Unicode's composed form; for an unsafe path, the original text."""
    handle: object
    """The source's own handle for opening it."""
    fault: ItemError | None = None
    """Why it cannot be opened, if so."""
    raw_name: bytes | None = None
    """Its name's bytes, if they are not UTF-8; `path` is then one of many readings of it."""
    folder: str = ""
    """The folder that `raw_name` is relative to."""
    is_garbled: bool = False
    """Whether the encoding of its name is unknown."""


class DataSource(Protocol):
    """An archive, a folder, or another collection of files."""

    entries: list[Entry]
    """Every file that is not hidden."""
    warnings: list[str]
    """Oddities of the source as a whole."""

    def __enter__(self) -> DataSource: ...

    def __exit__(self, *_: object) -> None: ...

    def open(self, entry: Entry, max_bytes: int) -> AbstractContextManager[BinaryIO]:
        """Open an entry as a file that can seek.

        Raises:
            ItemError: it has a fault, is larger than `max_bytes`, or cannot be read.
            IngestError: it is a bomb.
        """
        ...


def safe_path(name: str) -> str:
    """A member's name as a path inside the source; backslashes, which old Windows tools write, are read as `/`.

    Raises:
        ItemError: the path leads, or could lead on some system, out of the source.
    """
    path = unicodedata.normalize("NFC", name.replace("\\", "/"))
    if "\0" in path:
        raise ItemError("unsafe_path", f"found a path with a NUL in it, {name!r}; paths are text")
    if path.startswith("/"):
        raise ItemError("unsafe_path", f"found an absolute path, {name!r}; paths are relative")
    if re.match(r"[A-Za-z]:", path):
        raise ItemError("unsafe_path", f"found a path with a drive letter, {name!r}; paths are relative")
    if len(path) > LONGEST_PATH:
        reason = f"found a path of {len(path):,} characters, {name[:80]!r}...; allowed: at most {LONGEST_PATH:,}"
        raise ItemError("unsafe_path", reason)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if len(parts) > MOST_PARTS:
        reason = f"found a path through {len(parts) - 1} folders, {name[:80]!r}...; allowed: at most {MOST_PARTS - 1}"
        raise ItemError("unsafe_path", reason)
    if ".." in parts or not parts:
        raise ItemError("unsafe_path", f"found {name!r}, a path outside of its folder; paths stay inside it")
    return "/".join(parts)


def shown_for_now(name: str) -> str:
    """A name in the wrong encoding; its backslashes are halves of characters, as in Shift JIS, and not separators."""
    return name.replace("\\", "_")


def is_hidden(path: str) -> bool:
    """Whether a safe path is a file that systems leave behind: hidden files, `__MACOSX`, `Thumbs.db`."""
    return any(part.startswith(".") or part.lower() in _IGNORED_NAMES for part in path.split("/"))


def displayed(name: str) -> str:
    """A name that can be written as UTF-8; undecodable bytes are shown as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
