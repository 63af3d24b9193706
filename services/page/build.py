"""Builds the web page from `ui/` into `build/page`, when its sources have changed: `python -m services.page.build`.

What the platform serves is the export: files. Node.js is needed only here, never at run time.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock

from services.page.node import PageError, install, last_lines, run
from services.settings import PAGE_FOLDER

SOURCES: Final = Path(__file__).resolve().parents[2] / "ui"
BUILT: Final = PAGE_FOLDER
"""The export that is served; the file `.sources` in it holds the digest of what it was built from."""
_MARK: Final = ".sources"
_NOT_SOURCES: Final = frozenset({"node_modules", ".next", "out", "generator", "tools", "next-env.d.ts", ".gitignore"})
_COMPRESSED: Final = frozenset({".html", ".js", ".css", ".txt", ".json", ".svg", ".map", ".xml"})
_LEAST_COMPRESSED_BYTES: Final = 512
_BUILD_S: Final = 900
_log = logging.getLogger(__name__)


def built_page() -> Path:
    """The folder of the export of the present sources; builds it first if it is not there.

    Raises:
        PageError: it cannot be built: no sources, no Node.js, no network for its packages, a fault in the sources.
    """
    if not (SOURCES / "package.json").is_file():
        raise PageError(f"there are no sources of the page at {SOURCES}; start from a checkout of the repository")
    digest = source_digest()
    if _digest_of(BUILT) == digest:
        return BUILT
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(BUILT.with_suffix(".lock")):
        if _digest_of(BUILT) != digest:  # another process may have built it meanwhile
            _build()
            _publish(SOURCES / "out", digest)
    return BUILT


def is_built() -> bool:
    """Whether the export of the present sources is there."""
    return (SOURCES / "package.json").is_file() and _digest_of(BUILT) == source_digest()


def source_digest() -> str:
    """SHA-256 over the names and contents of everything that the export is made of."""
    digest = hashlib.sha256()
    for path in sorted(_source_files(SOURCES)):
        digest.update(f"{path.relative_to(SOURCES)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _source_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _NOT_SOURCES or path.is_symlink():
            continue
        if path.is_dir():
            yield from _source_files(path)
        elif not path.name.endswith((".md", ".test.ts", ".test.tsx")):
            yield path


def _digest_of(folder: Path) -> str | None:
    try:
        return (folder / _MARK).read_text(encoding="ascii")
    except OSError:
        return None


def _build() -> None:
    install(SOURCES)
    _log.info("building the page")
    shutil.rmtree(SOURCES / "out", ignore_errors=True)
    done = run(["npx", "--no-install", "next", "build"], SOURCES, limit_s=_BUILD_S)
    if done.returncode != 0:
        raise PageError(f"the build of {SOURCES} failed:\n{last_lines(done.stdout)}")


def _publish(export: Path, digest: str) -> None:
    """Put a finished export in place of the one before, with a compressed copy of each text file."""
    fresh = BUILT.with_name(f"{BUILT.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(export, fresh)
    for path in [path for path in fresh.rglob("*") if path.suffix in _COMPRESSED and path.is_file()]:
        content = path.read_bytes()
        if len(content) >= _LEAST_COMPRESSED_BYTES:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
    (fresh / _MARK).write_text(digest, encoding="ascii")
    shutil.rmtree(BUILT, ignore_errors=True)
    fresh.rename(BUILT)


def main() -> int:
    """Build the page, and say where it is."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        sys.stdout.write(f"{built_page()}\n")
    except PageError as error:
        sys.stderr.write(f"The page is not built: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
