"""Which code made something: the package's version and a digest of the sources that it runs on."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Final

VERSION: Final = "0.1.0"
_ENGINE: Final = Path(__file__).resolve().parent


@functools.cache
def code_version() -> str:
    """Such as `0.1.0+3f2a9c81d0e4`: other sources of the engine give another digest, wherever they lie."""
    digest = hashlib.sha256()
    for path in sorted(_ENGINE.rglob("*.py")):
        digest.update(path.relative_to(_ENGINE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{VERSION}+{digest.hexdigest()[:12]}"
