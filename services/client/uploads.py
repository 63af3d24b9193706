"""Uploads of recordings to a dataset: in parts, with progress, and resumed after an interruption."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from .connection import store_refusal
from .content import CHUNK_BYTES
from .errors import DatasetFailedError, NotFoundError, SourceError
from .generated import models
from .generated.operations import Operations
from .model import as_json

ReadyT = TypeVar("ReadyT", models.DatasetOut, models.DatasetVersionDetailOut)
Progress = Callable[[int], None]
"""Called with the number of bytes just sent; negative when a retry has to send them again."""
_LEAST_LIFE: Final = timedelta(minutes=5)
"""An upload starts over if its presigned URLs expire sooner than this."""


class Uploads(Operations):
    """Uploads of files to a dataset, until it is ready."""

    def upload_dataset(
        self,
        name: str,
        source: Path,
        *,
        progress: Progress | None = None,
        wait: bool = True,
        timeout_s: float = 24 * 3600.0,
        **fields: Any,
    ) -> models.DatasetOut:
        """Make a dataset of an archive, a Parquet file or a folder, which is packed, and wait until it is ready.

        Repeating the call resumes an interrupted upload while its presigned URLs are valid.

        Args:
            name: name of the dataset.
            source: what to upload.
            progress: called with the number of bytes just sent.
            wait: also wait until the dataset is processed.
            timeout_s: how long to wait for that.
            fields: further fields of `create_dataset`, such as `description`, `split` or `language`.

        Raises:
            SourceError: nothing to upload.
            DatasetFailedError: the dataset ended in `error`, or is not ready in time.
        """
        fields = as_json(fields)
        with packed(source) as file:
            notes = _Notes.of(self.base_url, name, source, file, fields)
            dataset = self._begun(notes)
            if dataset is None:
                files = [{"name": file.name, "size": file.stat().st_size}]
                new = self.create_dataset(name, {"type": "upload", "files": files}, **fields)
                dataset = new.dataset
                notes.begin(new)
            if dataset.status == "pending":
                for upload in notes.uploads:
                    self.upload_file(upload, file, progress, done=notes.done, on_done=notes.note)
                dataset = self.complete_dataset(dataset.id)
            notes.forget()
        return self.wait_for_dataset(dataset.id, timeout_s=timeout_s) if wait else dataset

    def upload_file(
        self,
        upload: models.UploadOut,
        source: Path,
        progress: Progress | None = None,
        *,
        done: frozenset[int] | set[int] = frozenset(),
        on_done: Callable[[int], None] | None = None,
    ) -> None:
        """Upload one file to the object store, a large one in parts; failed requests are retried.

        Args:
            upload: from the response of `create_dataset`.
            source: the file.
            progress: called with the number of bytes just sent.
            done: numbers of the parts that have been uploaded before.
            on_done: called with the number of each part once it is uploaded.

        Raises:
            RequestRefusedError: the object store rejected it.
            ServerUnreachableError: the object store could not be reached.
        """
        if upload.url is not None:
            self._put(upload, upload.url, source, 0, source.stat().st_size, progress)
        for part in upload.parts:
            if part.number in done:
                if progress is not None:
                    progress(part.size)
                continue
            self._put(upload, part.url, source, part.start, part.size, progress)
            if on_done is not None:
                on_done(part.number)

    def wait_for_dataset(
        self, dataset_id: str, *, timeout_s: float = 600.0, every_s: float = 0.25
    ) -> models.DatasetOut:
        """Wait until the dataset is ready, and return it.

        Raises:
            DatasetFailedError: the dataset ended in `error`, or is not ready in time.
        """
        return _when_ready(lambda: self.read_dataset(dataset_id), lambda d: f"dataset {d.name}", timeout_s, every_s)

    def wait_for_dataset_version(
        self, dataset_id: str, number: int, *, timeout_s: float = 600.0, every_s: float = 0.25
    ) -> models.DatasetVersionDetailOut:
        """Wait until the version is ready, and return it.

        Raises:
            DatasetFailedError: the version ended in `error`, or is not ready in time.
        """
        return _when_ready(
            lambda: self.read_dataset_version(dataset_id, number), lambda _: f"version {number}", timeout_s, every_s
        )

    def _begun(self, notes: _Notes) -> models.DatasetOut | None:
        """The dataset that an interrupted upload created, if the upload can still be completed or was."""
        if notes.dataset_id is None:
            return None
        with suppress(NotFoundError):
            dataset = self.read_dataset(notes.dataset_id)
            if dataset.status != "pending" or notes.is_valid():
                return dataset
        notes.forget()
        return None

    def _put(
        self, upload: models.UploadOut, url: str, source: Path, start: int, size: int, progress: Progress | None
    ) -> None:
        moved = 0

        def tell(count: int) -> None:
            nonlocal moved
            moved += count
            if progress is not None and count:
                progress(count)

        def chunks() -> Iterator[bytes]:
            left = size
            with source.open("rb") as stream:
                stream.seek(start)
                while chunk := stream.read(min(CHUNK_BYTES, left)):
                    yield chunk
                    left -= len(chunk)
                    tell(len(chunk))

        def put() -> None:
            tell(-moved)  # undo the progress of a failed attempt
            answer = self._http.request(
                upload.method,
                url,
                content=chunks(),
                headers={**upload.headers, "Content-Length": str(size)},
                timeout=httpx.Timeout(30.0, write=300.0),
            )
            if answer.is_error:
                raise store_refusal(answer)

        self._retried(put)


class _Notes:
    """State of an upload that has begun, in a file that outlives this process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            self._kept = json.loads(path.read_bytes())
        self.done: set[int] = set(self._kept.get("done", ()))

    @classmethod
    def of(cls, server: str, name: str, source: Path, file: Path, fields: Mapping[str, Any]) -> _Notes:
        """The notes of this upload; a different server, name, option or state of the files is a different upload."""
        files = sorted(source.rglob("*")) if source.is_dir() else [source]
        states = [(str(path), status.st_size, status.st_mtime_ns) for path in files if (status := path.stat())]
        told = json.dumps([server, name, str(source.resolve()), file.name, states, fields], sort_keys=True)
        return cls(_cache_folder() / "uploads" / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.json")

    @property
    def dataset_id(self) -> str | None:
        return self._kept.get("dataset_id")

    @property
    def uploads(self) -> list[models.UploadOut]:
        return [models.UploadOut.model_validate(each) for each in self._kept["uploads"]]

    def is_valid(self) -> bool:
        """Whether the presigned URLs stay valid for at least `_LEAST_LIFE`."""
        soon = datetime.now(timezone.utc) + _LEAST_LIFE
        return all(upload.expires_at > soon for upload in self.uploads)

    def begin(self, new: models.NewDatasetOut) -> None:
        self._kept = {"dataset_id": new.dataset.id, "uploads": [as_json(upload) for upload in new.uploads]}
        self.done.clear()
        self._write()

    def note(self, part: int) -> None:
        self.done.add(part)
        self._write()

    def forget(self) -> None:
        self._kept = {}
        self.done.clear()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        # If the notes cannot be written, the upload still works; it just cannot be resumed.
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = self._path.with_suffix(".partial")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
                json.dump({**self._kept, "done": sorted(self.done)}, stream)
            draft.replace(self._path)


@contextmanager
def packed(source: Path) -> Iterator[Path]:
    """Yield the file itself, or an archive of the folder's visible files.

    Raises:
        SourceError: nothing there, or an empty folder.
    """
    if source.is_file():
        yield source
        return
    if not source.is_dir():
        raise SourceError(f"there is no file and no folder at {source}")
    files = [
        path
        for path in sorted(source.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(source).parts)
    ]
    if not files:
        raise SourceError(f"the folder {source} holds no files")
    with tempfile.TemporaryDirectory(prefix="lim-upload-") as folder:
        archive = Path(folder) / f"{source.resolve().name}.zip"
        # Audio hardly compresses; storing it uncompressed saves time.
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED, strict_timestamps=False) as target:
            for path in files:
                target.write(path, path.relative_to(source).as_posix())
        yield archive


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "less-is-more"


def _when_ready(
    read: Callable[[], ReadyT], called: Callable[[ReadyT], str], timeout_s: float, every_s: float
) -> ReadyT:
    deadline_s = time.monotonic() + timeout_s
    while True:
        found = read()
        if found.status == "ready":
            return found
        if found.status == "error":
            raise DatasetFailedError(f"{called(found)} cannot be used: {found.error or 'no reason given'}")
        if time.monotonic() > deadline_s:
            raise DatasetFailedError(f"{called(found)} is still {found.status} after {timeout_s:.0f} s")
        time.sleep(every_s)
