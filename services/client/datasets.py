"""Calls about datasets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from services.client.answers import Dataset, NewDataset, Upload
from services.client.connection import Connection, given, pause_s
from services.client.errors import DatasetFailedError, RequestRefusedError, ServerUnreachableError

CHUNK_BYTES: Final = 2**20
Progress = Callable[[int], None]
"""Told the number of bytes that have just been moved; a negative one of those that have to be moved again."""


class DatasetCalls(Connection):
    """Recordings, from upload to report."""

    def create_dataset(
        self, name: str, files: Mapping[str, int], *, description: str = "", task: str = "speech_to_text"
    ) -> NewDataset:
        """Announce a dataset of `files` (name to size in bytes); the answer says where to put them."""
        body = {
            "name": name,
            "description": description,
            "task": task,
            "source": {
                "type": "upload",
                "files": [{"name": file, "size": size} for file, size in files.items()],
            },
        }
        return self._answer(NewDataset, self._call("POST", "/datasets", body=body, creates=True))

    def upload_file(self, upload: Upload, source: Path, progress: Progress | None = None) -> None:
        """Put one file where the server wants it, a large one in parts; what breaks off is put again.

        Raises:
            ClientError: the object store refused it or could not be reached.
        """
        if upload.url is not None:
            self._put_again(upload, upload.url, source, 0, source.stat().st_size, progress)
        for part in upload.parts:
            self._put_again(upload, part.url, source, part.start, part.size, progress)

    def _put_again(
        self, upload: Upload, url: str, source: Path, start: int, size: int, progress: Progress | None
    ) -> None:
        """Put it until it is there; what broke off is taken back from the progress."""
        since_s, attempt, moved = time.monotonic(), 0, 0

        def told(count: int) -> None:
            nonlocal moved
            moved += count
            if progress is not None:
                progress(count)

        while True:
            attempt += 1
            try:
                self._put(upload, url, source, start, size, told)
            except (ServerUnreachableError, RequestRefusedError) as error:
                is_refused = isinstance(error, RequestRefusedError) and error.status < 500
                if is_refused or not self._is_patient(since_s, attempt):
                    raise
                if moved:
                    told(-moved)
                time.sleep(pause_s(attempt))
            else:
                return

    def _put(self, upload: Upload, url: str, source: Path, start: int, size: int, progress: Progress) -> None:
        def chunks() -> Iterator[bytes]:
            left = size
            with source.open("rb") as stream:
                stream.seek(start)
                while chunk := stream.read(min(CHUNK_BYTES, left)):
                    yield chunk
                    left -= len(chunk)
                    progress(len(chunk))

        headers = {**upload.headers, "Content-Length": str(size)}
        try:
            answer = self._http.request(
                upload.method, url, content=chunks(), headers=headers, timeout=httpx.Timeout(30.0, write=300.0)
            )
        except httpx.HTTPError as error:
            raise ServerUnreachableError(f"the upload of {source.name} broke off: {error}") from error
        if answer.is_error:
            raise self._refusal(answer)

    def complete_dataset(self, dataset_id: str) -> Dataset:
        """Say that every file is there; the server begins to process them."""
        answer = self._call("POST", f"/datasets/{dataset_id}/complete", creates=True)
        return self._answer(Dataset, answer.get("dataset", answer))

    def dataset(self, dataset_id: str) -> Dataset:
        """A dataset."""
        return self._answer(Dataset, self._call("GET", f"/datasets/{dataset_id}"))

    def dataset_report(self, dataset_id: str) -> dict[str, Any]:
        """The validation report of a dataset: counts, and each item that was set aside."""
        return self._call("GET", f"/datasets/{dataset_id}/report")

    def wait_for_dataset(self, dataset_id: str, *, timeout_s: float = 600.0, every_s: float = 0.25) -> Dataset:
        """The dataset when it is ready.

        Raises:
            DatasetFailedError: it ended in `error`, or is not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            dataset = self.dataset(dataset_id)
            if dataset.status == "ready":
                return dataset
            if dataset.status == "error":
                raise DatasetFailedError(f"dataset {dataset.name} cannot be used: {dataset.error or 'no reason given'}")
            if time.monotonic() > deadline:
                raise DatasetFailedError(f"dataset {dataset.name} is still {dataset.status} after {timeout_s:.0f} s")
            time.sleep(every_s)

    def upload_dataset(
        self, name: str, archive: Path, *, description: str = "", progress: Progress | None = None
    ) -> Dataset:
        """Create a dataset from one archive, upload it, and wait until it is ready."""
        new = self.create_dataset(name, {archive.name: archive.stat().st_size}, description=description)
        for upload in new.uploads:
            self.upload_file(upload, archive, progress)
        self.complete_dataset(new.dataset.id)
        return self.wait_for_dataset(new.dataset.id)

    def create_dataset_from(
        self, name: str, source: Mapping[str, Any], *, description: str = "", project_id: str | None = None
    ) -> Dataset:
        """A dataset that the server fetches: `{"type": "url", "url": ...}` or `{"type": "s3", "uri": ...}`."""
        body = {"name": name, "description": description, "source": dict(source)} | given(project_id=project_id)
        return self._answer(NewDataset, self._call("POST", "/datasets", body=body, creates=True)).dataset

    def datasets(self, status: str | None = None) -> list[Dataset]:
        """The user's datasets, newest first."""
        return [self._answer(Dataset, item) for item in self._items("/datasets", given(status=status))]

    def change_dataset(self, dataset_id: str, **changes: Any) -> Dataset:
        """Change `name`, `description` or `project_id`."""
        return self._answer(Dataset, self._call("PATCH", f"/datasets/{dataset_id}", body=changes))

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset and its files."""
        self._call("DELETE", f"/datasets/{dataset_id}")

    def dataset_preview(self, dataset_id: str) -> list[dict[str, Any]]:
        """Some of its items."""
        return list(self._items(f"/datasets/{dataset_id}/preview"))

    def item_audio(self, dataset_id: str, item: str) -> bytes:
        """An item of the preview, as a WAV file."""
        return self._bytes(f"/datasets/{dataset_id}/items/{quote(item, safe='')}/audio")
