"""Identify the running code: the package's version and a digest of the engine's sources."""

from __future__ import annotations

import functools
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_ENGINE: Final = Path(__file__).resolve().parents[1]


def package_version() -> str:
    """The version in the package's metadata, which pyproject.toml sets; `0+unknown` if the package is not installed."""
    try:
        return version("less-is-more")
    except PackageNotFoundError:
        return "0+unknown"


@functools.cache
def code_version() -> str:
    """Package version and digest of the engine's sources, such as `0.1.0+3f2a9c81d0e4`; the same in any folder."""
    digest = hashlib.sha256()
    for path in sorted(_ENGINE.rglob("*.py")):
        digest.update(path.relative_to(_ENGINE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{package_version()}+{digest.hexdigest()[:12]}"
