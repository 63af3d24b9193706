"""HTTP client of the platform: what the CLI, the demo and scripts use to talk to a server.

ClientError
├── ServerUnreachableError      no answer, or none that a platform gives
├── RequestRefusedError         the server's problem+json: code, detail and each faulty field
├── DatasetFailedError          an uploaded dataset that ended in `error`
└── ChecksumError               a downloaded file that is not the one the server announced
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import Fault
from services.errors import ServiceError

API = "/api/v1"
CHUNK_BYTES = 2**20
JobStatus = Literal["queued", "starting", "running", "stopping", "stopped", "succeeded", "failed"]
FINAL_STATUSES: frozenset[str] = frozenset({"stopped", "succeeded", "failed"})

AnswerT = TypeVar("AnswerT", bound=BaseModel)
Progress = Callable[[int], None]
"""Told the number of bytes that have just been moved; a negative one of those that have to be moved again."""
_LEAST_ATTEMPTS: Final = 4
_LONGEST_PAUSE_S: Final = 5.0


class ClientError(ServiceError):
    """Base of everything that the client raises on purpose."""


class ServerUnreachableError(ClientError):
    """No answer, or none that a platform gives."""


class RequestRefusedError(ClientError):
    """The server refused: `str()` gives the detail and each faulty field on its own line."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        faults: Sequence[Fault] = (),
        correlation_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)
        self.correlation_id = correlation_id
        self.retry_after_s = retry_after_s
        super().__init__(status, code, detail)

    def __str__(self) -> str:
        lines = [f"{self.detail} ({self.status} {self.code})", *(f"  {fault}" for fault in self.faults)]
        if self.status >= 500 and self.correlation_id:
            lines.append(f"  correlation id {self.correlation_id}")
        return "\n".join(lines)


class DatasetFailedError(ClientError):
    """An uploaded dataset that ended in `error`."""


class ChecksumError(ClientError):
    """A downloaded file that is not the one the server announced."""


# ---- answers ----------------------------------------------------------------------------------------------


class Answer(BaseModel):
    """An answer of the server; fields that this client does not know are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Account(Answer):
    """A user."""

    id: str
    username: str
    email: str
    role: str = "user"


class Tokens(Answer):
    """What a login gives."""

    access_token: str
    refresh_token: str
    expires_in: float


class Dataset(Answer):
    """A dataset; `statistics` and `error` are there when it has been processed."""

    id: str
    name: str
    status: str
    error: str | None = None
    statistics: dict[str, Any] | None = None


class UploadPart(Answer):
    """Where a part of a large file goes."""

    number: int
    start: int
    size: int
    url: str


class Upload(Answer):
    """Where one file of a new dataset goes."""

    name: str
    method: str
    url: str | None
    headers: dict[str, str] = {}
    parts: list[UploadPart] = []


class NewDataset(Answer):
    """A dataset that waits for its files."""

    dataset: Dataset
    uploads: list[Upload] = []


class Model(Answer):
    """A base model of the catalogue."""

    id: str
    family: str | None = None
    title: str | None = None
    source: str | None = None
    parameters: int | None = None
    description: str | None = None
    status: str = "active"
    shipped: bool = False


class Project(Answer):
    """What a user keeps together."""

    id: str
    name: str
    description: str = ""


class Adapter(Answer):
    """An adapter, by name."""

    id: str
    name: str
    description: str = ""
    project_id: str | None = None
    newest_version: int | None = None


class AdapterVersion(Answer):
    """A version of an adapter, and what it was made of."""

    number: int
    job_id: str
    notes: str = ""
    lineage: dict[str, Any] = {}


class Estimate(Answer):
    """What a run would take; the parts are as in the API's document."""

    memory: dict[str, Any]
    time: dict[str, Any]
    cost: dict[str, Any]
    devices: list[dict[str, Any]]


class Job(Answer):
    """A job that trains or selects."""

    id: str
    type: str = "training"
    status: JobStatus
    name: str | None = None
    progress: float = 0.0
    epoch: float | None = None
    step: int | None = None
    metrics: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    error: str | None = None
    created_at: datetime | None = None

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.status in FINAL_STATUSES


class Artifact(Answer):
    """A file that a job made; `url` is good for a limited time."""

    name: str
    kind: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One message of a job's stream."""

    sequence: int
    kind: str
    data: Mapping[str, Any]


# ---- the client -------------------------------------------------------------------------------------------


class Client:
    """One user's connection to a platform. Tokens are renewed when they run out; use as a context manager."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """A connection to the platform at an address.

        Args:
            base_url: of the platform.
            api_key: whose calls are made; None: `login` says.
            timeout_s: how long an answer may take.
            patience_s: how long a platform that has answered before is asked again when it, its database or its store
                does not answer.
            transport: stands in for the network in tests.
        """
        self._http = httpx.Client(
            base_url=base_url.rstrip("/"), timeout=httpx.Timeout(timeout_s, connect=10.0), transport=transport
        )
        self._api_key = api_key
        self._patience_s = patience_s
        self._has_answered = False
        self._tokens: Tokens | None = None
        self._renew_at = 0.0

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- accounts

    def signup(self, username: str, email: str, password: str) -> Account:
        """Make an account."""
        body = {"username": username, "email": email, "password": password}
        return self._answer(Account, self._call("POST", "/auth/signup", body=body, signed=False))

    def login(self, username_or_email: str, password: str) -> None:
        """Log in; later calls are made in this user's name."""
        body = {"username_or_email": username_or_email, "password": password}
        self._keep(self._answer(Tokens, self._call("POST", "/auth/login", body=body, signed=False)))

    def logout(self) -> None:
        """Revoke the refresh token; the client forgets who it was."""
        if self._tokens is not None:
            self._call("POST", "/auth/logout", body={"refresh_token": self._tokens.refresh_token})
            self._tokens = None

    def me(self) -> Account:
        """The user in whose name calls are made."""
        return self._answer(Account, self._call("GET", "/users/me"))

    # -- datasets

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
                time.sleep(_pause_s(attempt))
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

    # -- projects and adapters

    def projects(self) -> list[Project]:
        """The user's projects."""
        return [self._answer(Project, item) for item in self._items("/projects")]

    def create_project(self, name: str, *, description: str = "") -> Project:
        """Make a project."""
        body = {"name": name, "description": description}
        return self._answer(Project, self._call("POST", "/projects", body=body, creates=True))

    def adapters(self, *, project_id: str | None = None) -> list[Adapter]:
        """The user's adapters."""
        return [self._answer(Adapter, item) for item in self._items("/adapters", _given(project_id=project_id))]

    def create_adapter(self, name: str, *, description: str = "", project_id: str | None = None) -> Adapter:
        """Name an adapter."""
        body = {"name": name, "description": description} | _given(project_id=project_id)
        return self._answer(Adapter, self._call("POST", "/adapters", body=body, creates=True))

    def add_adapter_version(self, adapter_id: str, job_id: str, *, notes: str = "") -> AdapterVersion:
        """Make what a job trained the newest version of an adapter."""
        body = {"job_id": job_id, "notes": notes}
        path = f"/adapters/{adapter_id}/versions"
        return self._answer(AdapterVersion, self._call("POST", path, body=body, creates=True))

    def adapter_versions(self, adapter_id: str) -> list[AdapterVersion]:
        """The versions of an adapter, newest first."""
        return [self._answer(AdapterVersion, item) for item in self._items(f"/adapters/{adapter_id}/versions")]

    def compare_adapter_versions(self, adapter_id: str, a: int, b: int) -> list[dict[str, Any]]:
        """Every field in which two versions differ: `path`, `a`, `b`."""
        found = self._call("GET", f"/adapters/{adapter_id}/compare", params={"a": a, "b": b})
        differences: list[dict[str, Any]] = found["differences"]
        return differences

    # -- models

    def models(self) -> list[Model]:
        """The catalogue of base models, retired ones too."""
        return [self._answer(Model, item) for item in self._items("/models")]

    def add_model(self, card: Mapping[str, Any]) -> Model:
        """Add a model to the catalogue, as an admin; the fields are those of `engine.models.catalogue.ModelCard`."""
        return self._answer(Model, self._call("POST", "/models", body=card, creates=True))

    def change_model(self, model_id: str, **changes: Any) -> Model:
        """Change fields of a model, as an admin; `status="active"` brings a retired one back."""
        return self._answer(Model, self._call("PATCH", f"/models/{quote(model_id, safe='')}", body=changes))

    def retire_model(self, model_id: str) -> None:
        """Keep new jobs from a model, as an admin."""
        self._call("DELETE", f"/models/{quote(model_id, safe='')}")

    # -- jobs

    def estimate(self, model_id: str, config: Mapping[str, Any], *, dataset_id: str | None = None) -> Estimate:
        """What a run would take: memory, time, cost, and the device classes that it fits."""
        body = {"model_id": model_id, "config": dict(config)} | _given(dataset_id=dataset_id)
        return self._answer(Estimate, self._call("POST", "/estimates", body=body))

    def create_job(
        self,
        model_id: str,
        dataset_id: str,
        config: Mapping[str, Any],
        *,
        name: str | None = None,
        selection_id: str | None = None,
    ) -> Job:
        """Launch a training job, on everything or on what a selection chose."""
        body = {"model_id": model_id, "dataset_id": dataset_id, "config": dict(config)}
        body |= _given(name=name, selection_id=selection_id)
        return self._answer(Job, self._call("POST", "/jobs", body=body, creates=True))

    def create_selection(
        self,
        model_id: str,
        dataset_id: str,
        config: Mapping[str, Any],
        selection: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
    ) -> Job:
        """Launch a job that chooses what is worth training on, for a training with this config."""
        body = {"type": "selection", "model_id": model_id, "dataset_id": dataset_id, "config": dict(config)}
        body |= _given(name=name, selection=dict(selection) if selection is not None else None)
        return self._answer(Job, self._call("POST", "/jobs", body=body, creates=True))

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
                with self._event_stream(job_id, last) as stream:
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

    # -- plumbing

    def ready(self) -> dict[str, Any]:
        """What the server says of itself and of each dependency; also when it is not ready."""
        try:
            answer = self._http.get("/readyz")
        except httpx.HTTPError as error:
            raise ServerUnreachableError(f"no server at {self._http.base_url}: {error}") from error
        return self._json(answer)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        signed: bool = True,
        creates: bool = False,
    ) -> dict[str, Any]:
        """One call; those that are safe to repeat are repeated when the connection or the server fails."""
        repeatable = creates or method == "GET"
        headers = {"Idempotency-Key": str(uuid.uuid4())} if creates else {}
        renewed = False
        since_s, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            if signed:
                headers["Authorization"] = self._authorization()
            try:
                answer = self._http.request(
                    method,
                    f"{API}{path}",
                    json=dict(body) if body is not None else None,
                    params=params,
                    headers=headers,
                )
            except httpx.TransportError as error:
                if not repeatable or not self._is_patient(since_s, attempt):
                    raise ServerUnreachableError(f"no answer from {self._http.base_url}: {error}") from error
                time.sleep(_pause_s(attempt))
                continue
            self._has_answered = True
            if answer.status_code == 401 and signed and self._tokens is not None and not renewed:
                renewed = True
                attempt -= 1
                self._renew()
                continue
            if answer.status_code in {502, 503, 504} and repeatable and self._is_patient(since_s, attempt):
                time.sleep(min(float(answer.headers.get("Retry-After", _pause_s(attempt))), 10.0))
                continue
            if answer.is_error:
                raise self._refusal(answer)
            return self._json(answer) if answer.content else {}

    def _is_patient(self, since_s: float, attempt: int) -> bool:
        """Whether a call that was begun then is made again. A server that was never there is soon given up."""
        if attempt < _LEAST_ATTEMPTS:
            return True
        return self._has_answered and time.monotonic() - since_s < self._patience_s

    def _items(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        query: dict[str, Any] = {"limit": 100, **(params or {})}
        while True:
            page = self._call("GET", path, params=query)
            yield from page.get("items", [])
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    @contextmanager
    def _event_stream(self, job_id: str, last: int) -> Iterator[Iterator[JobEvent]]:
        headers = {"Accept": "text/event-stream", "Authorization": self._authorization()}
        if last:
            headers["Last-Event-ID"] = str(last)
        timeout = httpx.Timeout(30.0, read=60.0)
        with self._http.stream("GET", f"{API}/jobs/{job_id}/events", headers=headers, timeout=timeout) as answer:
            if answer.status_code in {502, 503, 504}:
                raise httpx.RemoteProtocolError(f"the server answered {answer.status_code}")
            if answer.is_error:
                answer.read()
                raise self._refusal(answer)
            yield parse_events(answer.iter_lines())

    def _authorization(self) -> str:
        if self._api_key is not None:
            return f"Bearer {self._api_key}"
        if self._tokens is None:
            raise ClientError("not logged in: call login() first, or give an api_key")
        if time.monotonic() >= self._renew_at:
            self._renew()
        return f"Bearer {self._tokens.access_token}"

    def _renew(self) -> None:
        if self._tokens is None:
            raise ClientError("not logged in: call login() first, or give an api_key")
        body = {"refresh_token": self._tokens.refresh_token}
        self._keep(self._answer(Tokens, self._call("POST", "/auth/refresh", body=body, signed=False)))

    def _keep(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._renew_at = time.monotonic() + tokens.expires_in - min(30.0, tokens.expires_in / 10)

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            value = answer.json()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ServerUnreachableError(f"{answer.url} answered {answer.status_code} with no JSON object")
        return value

    def _answer(self, model: type[AnswerT], value: Mapping[str, Any]) -> AnswerT:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise ServerUnreachableError(f"the server's {model.__name__.lower()} cannot be read: {error}") from error

    def _refusal(self, answer: httpx.Response) -> RequestRefusedError:
        retry_after = answer.headers.get("Retry-After", "")
        retry_after_s = float(retry_after) if retry_after.isdigit() else None
        try:
            problem = answer.json()
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            detail = f"{answer.request.method} {answer.url.path}: {answer.text[:200].strip() or answer.reason_phrase}"
            return RequestRefusedError(answer.status_code, "unknown", detail, retry_after_s=retry_after_s)
        return RequestRefusedError(
            answer.status_code,
            str(problem.get("code", "unknown")),
            str(problem.get("detail") or problem.get("title") or answer.reason_phrase),
            [Fault(str(item.get("path", "")), str(item.get("message", ""))) for item in problem.get("errors") or []],
            problem.get("correlation_id"),
            retry_after_s,
        )


def _pause_s(attempt: int) -> float:
    return min(float(0.2 * 2**attempt), _LONGEST_PAUSE_S)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def parse_events(lines: Iterator[str]) -> Iterator[JobEvent]:
    """The events in the lines of a `text/event-stream`; comments and messages without a number are passed over.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
    """
    fields: dict[str, str] = {}
    data: list[str] = []
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            elif name:
                fields[name] = value
            continue
        if data and fields.get("id", "").isdigit():
            yield JobEvent(int(fields["id"]), fields.get("event", "message"), json.loads("\n".join(data)))
        fields, data = {}, []
