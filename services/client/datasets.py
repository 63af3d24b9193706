"""Calls about datasets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from services.client.answers import Dataset, DatasetVersion, NewDataset, Upload
from services.client.connection import Connection, given, pause_s
from services.client.errors import DatasetFailedError, RequestRefusedError, ServerUnreachableError

CHUNK_BYTES: Final = 2**20
_PAGE: Final = 100
Progress = Callable[[int], None]
"""Told the number of bytes that have just been moved; a negative one of those that have to be moved again."""


class DatasetCalls(Connection):
    """Recordings, from upload to report."""

    def create_dataset(
        self,
        name: str,
        files: Mapping[str, int],
        *,
        description: str = "",
        task: str = "speech_to_text",
        options: Mapping[str, Any] | None = None,
    ) -> NewDataset:
        """Announce a dataset of `files` (name to size in bytes); the answer says where to put them.

        `options` are those of its processing: `validation`, `limits`, `split`, `language`.
        """
        body = {
            "name": name,
            "description": description,
            "task": task,
            "source": {
                "type": "upload",
                "files": [{"name": file, "size": size} for file, size in files.items()],
            },
            **(options or {}),
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

    def dataset_report(self, dataset_id: str, *, version: int | None = None) -> dict[str, Any]:
        """The validation report of a dataset: counts, and each item that was set aside."""
        return self._call("GET", f"/datasets/{dataset_id}/report", params=given(version=version))

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
        self,
        name: str,
        archive: Path,
        *,
        description: str = "",
        options: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> Dataset:
        """Create a dataset from one archive, upload it, and wait until it is ready."""
        files = {archive.name: archive.stat().st_size}
        new = self.create_dataset(name, files, description=description, options=options)
        for upload in new.uploads:
            self.upload_file(upload, archive, progress)
        self.complete_dataset(new.dataset.id)
        return self.wait_for_dataset(new.dataset.id)

    def create_dataset_from(
        self,
        name: str,
        source: Mapping[str, Any],
        *,
        description: str = "",
        project_id: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """A dataset that the server fetches: `{"type": "url", "url": ...}` or `{"type": "s3", "uri": ...}`."""
        body = {"name": name, "description": description, "source": dict(source), **(options or {})}
        body |= given(project_id=project_id)
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

    def dataset_preview(self, dataset_id: str, *, version: int | None = None) -> list[dict[str, Any]]:
        """Some of its items."""
        return list(self._items(f"/datasets/{dataset_id}/preview", given(version=version)))

    def item_audio(self, dataset_id: str, item: str, *, version: int | None = None) -> bytes:
        """A good item, as a WAV file."""
        asked = f"?version={version}" if version is not None else ""
        return self._bytes(f"/datasets/{dataset_id}/items/{quote(item, safe='')}/audio{asked}")

    # -- versions

    def dataset_versions(self, dataset_id: str, status: str | None = None) -> list[DatasetVersion]:
        """The versions of a dataset, newest first."""
        found = self._items(f"/datasets/{dataset_id}/versions", given(status=status))
        return [self._answer(DatasetVersion, item) for item in found]

    def dataset_version(self, dataset_id: str, number: int) -> DatasetVersion:
        """A version, with its report."""
        return self._answer(DatasetVersion, self._call("GET", f"/datasets/{dataset_id}/versions/{number}"))

    def revise_dataset(self, dataset_id: str, revision: Mapping[str, Any]) -> DatasetVersion:
        """Make the next version; `revision` holds `decisions` about items, and options that change.

        An example: `{"decisions": [{"do": "accept", "paths": ["clips/7.wav"]}], "limits": {"max_item_s": 40}}`.
        """
        answer = self._call("POST", f"/datasets/{dataset_id}/versions", body=dict(revision), creates=True)
        return self._answer(DatasetVersion, answer)

    def delete_dataset_version(self, dataset_id: str, number: int) -> None:
        """Delete a version that nothing has used."""
        self._call("DELETE", f"/datasets/{dataset_id}/versions/{number}")

    def dataset_items(
        self, dataset_id: str, number: int, *, most: int | None = None, **wanted: str
    ) -> tuple[int, list[dict[str, Any]]]:
        """How many items of a version match, and the first of them, good and rejected.

        `wanted` may hold `status`, `finding`, `speaker`, `split` and `q`.
        """
        path, found = f"/datasets/{dataset_id}/versions/{number}/items", list[dict[str, Any]]()
        params: dict[str, Any] = {**wanted, "limit": min(most or _PAGE, _PAGE)}
        while True:
            page = self._call("GET", path, params=params)
            found += page.get("items", [])
            total, cursor = page.get("total", len(found)), page.get("next_cursor")
            if cursor is None or (most is not None and len(found) >= most):
                return total, found[:most]
            params["cursor"] = cursor

    def wait_for_dataset_version(
        self, dataset_id: str, number: int, *, timeout_s: float = 600.0, every_s: float = 0.25
    ) -> DatasetVersion:
        """The version when it is ready.

        Raises:
            DatasetFailedError: it ended in `error`, or is not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            version = self.dataset_version(dataset_id, number)
            if version.status == "ready":
                return version
            if version.status == "error":
                raise DatasetFailedError(f"version {number} cannot be used: {version.error or 'no reason given'}")
            if time.monotonic() > deadline:
                raise DatasetFailedError(f"version {number} is still {version.status} after {timeout_s:.0f} s")
            time.sleep(every_s)
