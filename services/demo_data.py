"""The demo's recordings: the user's folder or table, or the small bundled set, packed into a zip for upload."""

from __future__ import annotations

import zipfile
from pathlib import Path

from services.errors import ServiceError

BUNDLED = Path(__file__).parent.parent / "engine" / "data" / "bundled" / "demo-speech"


_TABLES = (".csv", ".tsv", ".jsonl")


class DemoDataError(ServiceError):
    """The given path cannot be used as the demo's data."""


def pack(folder: Path, target: Path) -> int:
    """Zip the files of `folder`, or a table and the files that it names, into `target`; return the number of files.

    Raises:
        DemoDataError: the folder or table does not exist, or the folder holds no files.
    """
    table = None
    if folder.is_file() and folder.suffix.lower() in _TABLES:
        table, folder = folder, folder.parent
    if not folder.is_dir():
        raise DemoDataError(f"no folder at {folder}; DATA names a folder of recordings, or a table that names them")
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if table is not None:
        told = table.read_bytes()
        files = [path for path in files if path == table or path.relative_to(folder).as_posix().encode() in told]
    if not files:
        raise DemoDataError(
            f"{folder} holds no files; DATA names a folder of recordings with metadata.csv, or with names such as "
            "7_jackson_32.wav (text_speaker_take)"
        )
    # Audio barely compresses: storing it saves time.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder).as_posix())
    return len(files)
