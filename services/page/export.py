"""The files of a static export of Next.js, in memory, each with what a server says about it."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

_UUID: Final = re.compile(r"(?<=/)[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?=[/.]|$)")
_NAMED: Final = re.compile(r"^(/models)/[^/]+?(?=/|\.html$|\.txt$|$)")
"""Addresses whose id is a name: those of models."""
_INLINE_SCRIPT: Final = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/x-component; charset=utf-8",  # pages as Next's router fetches them
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
_UNCHANGING: Final = "/_next/static/"
"""Files below it have a hash of their content in their name."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    compressed: bytes | None
    """Its gzip form."""
    content_type: str
    etag: str
    is_immutable: bool
    script_hashes: tuple[str, ...] | None
    """Hashes of a page's own inline scripts, for its Content-Security-Policy; None for what is not a page."""


class Export:
    """An export by address. It has no ids: a segment `_` in it stands for any UUID, and for the name of any model."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self._assets = assets

    def find(self, path: str) -> Asset | None:
        """The file for an address: itself, the page of that name, or the page that stands for all ids."""
        return self._exact(path) or self._exact(_UUID.sub("_", path)) or self._exact(_NAMED.sub(r"\1/_", path))

    def not_found(self) -> Asset | None:
        """The page for addresses that there are not."""
        return self._assets.get("/404.html")

    def _exact(self, path: str) -> Asset | None:
        if path == "/":
            path = "/index"
        return self._assets.get(path) or self._assets.get(f"{path}.html")


@lru_cache(maxsize=2)
def read_export(folder: Path) -> Export:
    """Read an export; about 3 MB."""
    return Export(
        {
            f"/{path.relative_to(folder).as_posix()}": _asset(path, f"/{path.relative_to(folder).as_posix()}")
            for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".gz" and not path.name.startswith(".")
        }
    )


def _asset(path: Path, address: str) -> Asset:
    body = path.read_bytes()
    compressed = path.with_name(f"{path.name}.gz")
    guessed = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(
        body=body,
        compressed=compressed.read_bytes() if compressed.is_file() else None,
        content_type=guessed,
        etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        is_immutable=address.startswith(_UNCHANGING),
        script_hashes=_script_hashes(body) if path.suffix == ".html" else None,
    )


def _script_hashes(page: bytes) -> tuple[str, ...]:
    digests = {hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(page)}
    return tuple(sorted(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests))
