"""Files that the API returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import httpx

from .errors import DownloadError

CHUNK_BYTES: Final = 2**20


class Content:
    """A file that the server sends; `read` and `save` make the request."""

    def __init__(self, open_stream: Callable[[], AbstractContextManager[httpx.Response]]) -> None:
        self._open = open_stream

    def read(self) -> bytes:
        """The whole file."""
        return b"".join(self._chunks())

    def save(self, path: Path) -> Path:
        """Write the content to a file, which appears only once it is complete."""
        partial = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as stream:
                for chunk in self._chunks():
                    stream.write(chunk)
            partial.replace(path)
        except OSError as error:
            raise DownloadError(f"{path} cannot be written: {error}") from error
        finally:
            partial.unlink(missing_ok=True)
        return path

    def _chunks(self) -> Iterator[bytes]:
        with self._open() as answer:
            try:
                yield from answer.iter_bytes(CHUNK_BYTES)
            except httpx.TransportError as error:
                raise DownloadError(f"the download from {answer.url.path} broke off: {error}") from error
