"""Open a path as a source, detected by content: a folder, an archive or a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.data.archive import ZipSource
from engine.data.decompression import COMPRESSIONS
from engine.data.endings import TABLE_ENDINGS
from engine.data.folder import FolderSource
from engine.data.limits import IngestLimits
from engine.data.nested import Archive, NestedSource
from engine.data.single import SingleFile
from engine.data.source import DataSource
from engine.data.tables.source import TableSource
from engine.data.tar import TarSource
from engine.data.tar_members import BLOCK_BYTES, is_tar
from engine.errors import IngestError

Opener = Callable[[Path, IngestLimits, Path], Archive]

_ARCHIVES: tuple[tuple[Callable[[bytes], bool], Opener], ...] = (
    (lambda head: head[:4] in (b"PK\3\4", b"PK\5\6", b"PK\7\x08"), ZipSource),
    (lambda head: any(head.startswith(magic) for magic in COMPRESSIONS), TarSource),
    (is_tar, TarSource),
)
"""How an archive begins, and what reads it; the first that fits."""
_TABLES = (b"PAR1", b"ARROW1")
"""How a table begins."""


def open_source(source: Path, limits: IngestLimits, work: Path) -> DataSource:
    """The source at a path; use as a context manager.

    Args:
        source: a folder, an archive (zip, tar, tar.gz, tar.bz2, tar.xz) or a Parquet or Arrow file.
        limits: on resources.
        work: folder for temporary files; not read, even if it is inside `source`.

    Raises:
        IngestError: the path does not exist, or the archive is damaged or hostile.
    """

    def open_archive(path: Path) -> Archive:
        return _opener(path)(path, limits, work)

    if source.is_dir():
        return TableSource(NestedSource(FolderSource(source, limits, work), open_archive, limits), limits, work)
    if not source.is_file():
        raise IngestError(f"no archive, table or folder at {source}")
    if _head(source).startswith(_TABLES) or source.name.lower().endswith(TABLE_ENDINGS):
        return TableSource(SingleFile(source), limits, work)
    return TableSource(open_archive(source), limits, work)


def _opener(path: Path) -> Opener:
    """Open by content; unknown content is opened by its extension, which gives the reason for rejecting it."""
    head = _head(path)
    found = next((opener for begins, opener in _ARCHIVES if begins(head)), None)
    return found or (TarSource if ".tar" in path.name.lower() else ZipSource)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BLOCK_BYTES)
