"""What ingestion reads from: a list of entries that are opened one at a time."""

from __future__ import annotations

import re
import unicodedata
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from engine.errors import ItemError

LONGEST_PATH = 1000
"""Most characters of a path in a source."""
MOST_PARTS = 32
"""Most folders of such a path, its file included: names in metadata are looked for in each of them."""
_IGNORED_NAMES = ("__macosx", "thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a source."""

    path: str
    """Relative path with `/`, in Unicode's composed form; of an unsafe path, the text that was found."""
    handle: object
    """What its source opens it by."""
    fault: ItemError | None = None
    """Why it cannot be opened, if so."""
    raw_name: bytes | None = None
    """Its name where that is not UTF-8: `path` is then one of many readings of it."""
    folder: str = ""
    """The folder that `raw_name` is relative to."""
    is_garbled: bool = False
    """Whether nobody knows what its name says."""


class DataSource(Protocol):
    """An archive, a folder, or what stands for one."""

    entries: list[Entry]
    """Every file that is not hidden."""
    warnings: list[str]
    """What is odd about the source as a whole."""

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
    """A member's name as a path inside the source; backslashes, which old Windows tools write, are taken as `/`.

    Raises:
        ItemError: it leads, or could lead on some system, out of the source.
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
    """A name in the wrong encoding: its backslashes are halves of characters, as in Shift JIS, and divide nothing."""
    return name.replace("\\", "_")


def is_hidden(path: str) -> bool:
    """Whether a safe path is one of those that systems leave behind: hidden files, `__MACOSX`, `Thumbs.db`."""
    return any(part.startswith(".") or part.lower() in _IGNORED_NAMES for part in path.split("/"))


def displayed(name: str) -> str:
    """A name that can be written as UTF-8: bytes that are no text are shown as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
