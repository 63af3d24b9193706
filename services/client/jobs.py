"""Calls about jobs, and what they made."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import httpx

from services.client.answers import Artifact, Estimate, Job, JobEvent
from services.client.connection import Connection, given
from services.client.errors import ChecksumError, ClientError, ServerUnreachableError

CHUNK_BYTES: Final = 2**20


class JobCalls(Connection):
    """Training, selection, evaluation."""

    def estimate(
        self,
        model_id: str,
        config: Mapping[str, Any],
        *,
        dataset_id: str | None = None,
        dataset_version: int | None = None,
    ) -> Estimate:
        """What a run would take: memory, time, cost, and the device classes that it fits."""
        body = {"model_id": model_id, "config": dict(config)}
        body |= given(dataset_id=dataset_id, dataset_version=dataset_version)
        return self._answer(Estimate, self._call("POST", "/estimates", body=body))

    def create_job(
        self,
        model_id: str,
        dataset_id: str,
        config: Mapping[str, Any],
        *,
        name: str | None = None,
        selection_id: str | None = None,
        dataset_version: int | None = None,
    ) -> Job:
        """Launch a training job, on everything or on what a selection chose."""
        body = {"model_id": model_id, "dataset_id": dataset_id, "config": dict(config)}
        body |= given(name=name, selection_id=selection_id, dataset_version=dataset_version)
        return self._answer(Job, self._call("POST", "/jobs", body=body, creates=True))

    def create_selection(
        self,
        model_id: str,
        dataset_id: str,
        config: Mapping[str, Any],
        selection: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        dataset_version: int | None = None,
    ) -> Job:
        """Launch a job that chooses what is worth training on, for a training with this config."""
        body = {"type": "selection", "model_id": model_id, "dataset_id": dataset_id, "config": dict(config)}
        body |= given(name=name, selection=dict(selection) if selection is not None else None)
        body |= given(dataset_version=dataset_version)
        return self._answer(Job, self._call("POST", "/jobs", body=body, creates=True))

    def create_evaluation(
        self,
        training_id: str,
        *,
        dataset_id: str | None = None,
        dataset_version: int | None = None,
        measurement: Mapping[str, Any] | None = None,
        resources: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> Job:
        """Launch a job that measures what another has trained, on its own test speakers or on other data."""
        body = given(dataset_id=dataset_id, measurement=measurement, resources=resources, name=name)
        body |= given(dataset_version=dataset_version)
        return self._answer(Job, self._call("POST", f"/jobs/{training_id}/evaluations", body=body, creates=True))

    def job(self, job_id: str) -> Job:
        """A job, as it stands."""
        return self._answer(Job, self._call("GET", f"/jobs/{job_id}"))

    def jobs(self, status: str | None = None) -> list[Job]:
        """The user's jobs, newest first."""
        return [self._answer(Job, item) for item in self._items("/jobs", {"status": status} if status else {})]

    def stop_job(self, job_id: str) -> Job:
        """Ask a job to checkpoint and stop."""
        return self._answer(Job, self._call("POST", f"/jobs/{job_id}/stop"))

    def resume_job(self, job_id: str) -> Job:
        """Let a stopped or failed job go on from its newest checkpoint."""
        return self._answer(Job, self._call("POST", f"/jobs/{job_id}/resume"))

    def events(self, job_id: str, *, after: int = 0, patience_s: float = 60.0) -> Iterator[JobEvent]:
        """Every event of a job after sequence number `after`, as it happens, until the job has ended.

        A stream that breaks off is taken up again behind the last event that arrived.

        Raises:
            ServerUnreachableError: no server for `patience_s` seconds.
        """
        last = after
        lost_since: float | None = None
        final = False
        while True:
            arrived = False
            try:
                with self._event_stream(f"/jobs/{job_id}/events", last) as stream:
                    for event in stream:
                        lost_since, arrived = None, True
                        if event.sequence > last:
                            last = event.sequence
                            yield event
            except httpx.TransportError as error:
                now = time.monotonic()
                lost_since = lost_since or now
                if now - lost_since > patience_s:
                    raise ServerUnreachableError(f"the event stream of job {job_id} is gone: {error}") from error
                time.sleep(0.5)
                continue
            # The server closes the stream when the job has ended; what was written in between is fetched once more.
            if final and not arrived:
                return
            final = self.job(job_id).final
            if not final:
                time.sleep(0.2)

    # -- what jobs made

    def artifacts(self, job_id: str) -> list[Artifact]:
        """The files that a job made."""
        return [self._answer(Artifact, item) for item in self._items(f"/jobs/{job_id}/artifacts")]

    def download_artifact(self, artifact: Artifact, target: Path) -> Path:
        """Fetch one file to `target`; it appears there only when it is whole.

        Raises:
            ChecksumError: what arrived is not what the server announced.
            ClientError: the object store refused or could not be reached.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        digest = hashlib.sha256()
        try:
            with self._http.stream("GET", artifact.url) as answer, partial.open("wb") as stream:
                if answer.is_error:
                    answer.read()
                    raise self._refusal(answer)
                for chunk in answer.iter_bytes(CHUNK_BYTES):
                    digest.update(chunk)
                    stream.write(chunk)
            if digest.hexdigest() != artifact.sha256:
                raise ChecksumError(
                    f"{artifact.name} arrived with sha256 {digest.hexdigest()}, the server announced {artifact.sha256}"
                )
            partial.replace(target)
        except httpx.HTTPError as error:
            raise ServerUnreachableError(f"the download of {artifact.name} broke off: {error}") from error
        finally:
            partial.unlink(missing_ok=True)
        return target

    def download_adapter(self, job_id: str, folder: Path) -> list[Path]:
        """Fetch the files of a job's adapter into `folder`.

        Raises:
            ClientError: the job has no adapter, or a file has a name that leaves the folder.
        """
        paths = []
        for artifact in self.artifacts(job_id):
            if artifact.kind == "adapter":
                name = PurePosixPath(artifact.name)
                if name.is_absolute() or ".." in name.parts:
                    raise ClientError(f"the server names a file {artifact.name!r}, which leaves the target folder")
                relative = name.relative_to("adapter") if name.parts[0] == "adapter" else name
                paths.append(self.download_artifact(artifact, folder / relative))
        if not paths:
            raise ClientError(f"job {job_id} has no adapter")
        return paths

    def change_job(self, job_id: str, **changes: Any) -> Job:
        """Change `name`, `project_id` or `budget`."""
        return self._answer(Job, self._call("PATCH", f"/jobs/{job_id}", body=changes))

    def metrics(self, job_id: str) -> list[dict[str, Any]]:
        """The history of a job's metrics, oldest first."""
        return list(self._items(f"/jobs/{job_id}/metrics"))

    def logs(self, job_id: str) -> list[dict[str, Any]]:
        """What a job and the platform said, oldest first."""
        return list(self._items(f"/jobs/{job_id}/logs"))
