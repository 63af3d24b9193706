from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.client import (
    ChecksumError,
    Client,
    ClientError,
    DatasetFailedError,
    InvalidRequestError,
    NotFoundError,
    RequestRefusedError,
    ServerUnreachableError,
    ThrottledError,
    UnauthenticatedError,
    UnavailableError,
    models,
)
from tests.unit.services.filled import answer_of

TOKENS = {"access_token": "first", "refresh_token": "r1", "token_type": "bearer", "expires_in": 900}
JOB = answer_of("JobOut", id="j1", status="running", progress=0.5)

Handler = Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers from a script of handlers by method and path, and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.handlers: dict[tuple[str, str], Iterator[Handler] | Handler] = {}
        self.on("POST", "/api/v1/auth/login", answer(TOKENS))

    def on(self, method: str, path: str, *handlers: Handler) -> None:
        self.handlers[method, path] = iter(handlers) if len(handlers) > 1 else handlers[0]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        handler = self.handlers[request.method, request.url.path]
        return next(handler)(request) if isinstance(handler, Iterator) else handler(request)

    def asked(self, path: str) -> list[httpx.Request]:
        return [request for request in self.requests if request.url.path == path]


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
    return lambda request: httpx.Response(status, json=value, headers=headers)


def problem(status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> Handler:
    body = {
        "type": "about:blank",
        "title": "No",
        "status": status,
        "code": code,
        "detail": detail,
        "errors": errors or [],
        "correlation_id": "c-1",
    }
    return answer(body, status)


def breaks(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("connection reset", request=request)


def refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with Client("http://lim.test", transport=httpx.MockTransport(server)) as client:
        client.login("ada", "secret-password")
        yield client


def test_every_faulty_field_is_in_the_message(server: Server, client: Client) -> None:
    errors = [
        {"path": "config.max_steps", "message": "must be greater than 0; found -1"},
        {"path": "config.method.rank", "message": "must be at least 1; found 0"},
    ]
    server.on("POST", "/api/v1/jobs", problem(422, "invalid_request", "The request has 2 faults; see errors.", errors))
    with pytest.raises(InvalidRequestError) as caught:
        client.create_job("whisper-pico", "d1", {"max_steps": -1})
    assert caught.value.status == 422
    assert caught.value.code == "invalid_request"
    assert [fault.path for fault in caught.value.faults] == ["config.max_steps", "config.method.rank"]
    assert "config.max_steps: must be greater than 0; found -1" in str(caught.value)
    assert "config.method.rank: must be at least 1; found 0" in str(caught.value)


def test_a_server_error_names_the_correlation_id(server: Server, client: Client) -> None:
    server.on("GET", "/api/v1/jobs/j1", problem(500, "internal_error", "Something broke."))
    with pytest.raises(RequestRefusedError, match="correlation id c-1"):
        client.read_job("j1")


def test_an_expired_token_is_renewed_before_the_call(server: Server, client: Client) -> None:
    server.on("POST", "/api/v1/auth/login", answer({**TOKENS, "expires_in": 0}))
    server.on("POST", "/api/v1/auth/refresh", answer({**TOKENS, "access_token": "second", "refresh_token": "r2"}))
    server.on("GET", "/api/v1/jobs/j1", answer(JOB))
    client.login("ada", "secret-password")
    assert client.read_job("j1").progress == 0.5
    assert json.loads(server.asked("/api/v1/auth/refresh")[0].content) == {"refresh_token": "r1"}
    assert server.asked("/api/v1/jobs/j1")[0].headers["Authorization"] == "Bearer second"


def test_a_token_that_the_server_no_longer_takes_is_renewed_once(server: Server, client: Client) -> None:
    refused = problem(401, "unauthenticated", "The token has expired.")
    server.on("GET", "/api/v1/jobs/j1", refused, answer(JOB), refused, refused)
    server.on("POST", "/api/v1/auth/refresh", answer({**TOKENS, "access_token": "second"}))
    assert client.read_job("j1").status == "running"
    with pytest.raises(UnauthenticatedError, match="The token has expired"):
        client.read_job("j1")


def test_a_creating_call_is_repeated_under_one_idempotency_key(server: Server, client: Client) -> None:
    server.on("POST", "/api/v1/jobs", breaks, problem(503, "unavailable", "Restarting."), answer(JOB, 201))
    assert client.create_job("whisper-pico", "d1", {}).id == "j1"
    keys = {request.headers["Idempotency-Key"] for request in server.asked("/api/v1/jobs")}
    assert len(server.asked("/api/v1/jobs")) == 3
    assert len(keys) == 1


def test_a_call_that_is_not_safe_to_repeat_is_made_once(server: Server, client: Client) -> None:
    server.on("POST", "/api/v1/jobs/j1/stop", breaks)
    with pytest.raises(ServerUnreachableError, match="no answer from http://lim.test"):
        client.stop_job("j1")
    assert len(server.asked("/api/v1/jobs/j1/stop")) == 1
    server.on("POST", "/api/v1/jobs/j1/stop", problem(503, "unavailable", "Restarting."))
    with pytest.raises(UnavailableError, match="Restarting"):
        client.stop_job("j1")
    assert len(server.asked("/api/v1/jobs/j1/stop")) == 2


def test_what_cannot_have_been_done_is_repeated(server: Server, client: Client) -> None:
    """The connection was never made, or the server said when to come back."""
    later = answer({"code": "throttled", "detail": "Too many."}, 429, {"Retry-After": "3"})
    server.on("POST", "/api/v1/jobs/j1/stop", refuses, later, answer(JOB, 202))
    assert client.stop_job("j1").id == "j1"
    assert len(server.asked("/api/v1/jobs/j1/stop")) == 3


def test_a_pause_longer_than_the_patience_is_an_error_at_once(server: Server, client: Client) -> None:
    later = answer({"code": "throttled", "detail": "Too many."}, 429, {"Retry-After": "900"})
    server.on("POST", "/api/v1/auth/login", later)
    with pytest.raises(ThrottledError, match="Too many") as caught:
        client.login("ada", "wrong")
    assert caught.value.retry_after_s == 900
    assert len(server.asked("/api/v1/auth/login")) == 2


def test_a_pause_is_as_long_as_the_server_says(server: Server, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    later = answer({"code": "throttled", "detail": "Too many."}, 429, {"Retry-After": "7"})
    server.on("GET", "/api/v1/jobs/j1", later, breaks, answer(JOB))
    client.read_job("j1")
    assert slept == [7.0, pytest.approx(0.8)]


def test_what_an_earlier_attempt_deleted_is_deleted(server: Server, client: Client) -> None:
    gone = problem(404, "not_found", "There is no such project.")
    server.on("DELETE", "/api/v1/projects/p1", breaks, gone, gone)
    client.delete_project("p1")
    with pytest.raises(NotFoundError):
        client.delete_project("p1")


def test_an_outage_is_waited_for(server: Server, client: Client) -> None:
    away = problem(503, "database_unavailable", "The database cannot be reached now; try again.")
    server.on("POST", "/api/v1/jobs", *[away] * 6, *[breaks] * 6, answer(JOB, 201))
    assert client.create_job("whisper-pico", "d1", {}).id == "j1"
    assert len({request.headers["Idempotency-Key"] for request in server.asked("/api/v1/jobs")}) == 1


def test_an_outage_is_waited_for_as_long_as_is_said(server: Server, client: Client) -> None:
    away = problem(503, "database_unavailable", "The database cannot be reached now; try again.")
    server.on("GET", "/api/v1/users/me", away)
    with (
        Client("http://lim.test", api_key="k", patience_s=0, transport=httpx.MockTransport(server)) as impatient,
        pytest.raises(RequestRefusedError, match="The database cannot be reached now"),
    ):
        impatient.read_me()
    assert len(server.asked("/api/v1/users/me")) == 4


def test_a_server_that_was_never_there_is_soon_given_up(server: Server, client: Client) -> None:
    server.on("GET", "/api/v1/users/me", breaks)
    with (
        Client("http://lim.test", api_key="k", transport=httpx.MockTransport(server)) as stranger,
        pytest.raises(ServerUnreachableError, match="no answer from http://lim.test"),
    ):
        stranger.read_me()
    assert len(server.asked("/api/v1/users/me")) == 4


def test_a_list_is_fetched_as_far_as_it_is_read(server: Server, client: Client) -> None:
    server.on("GET", "/api/v1/jobs", answer({"items": [JOB], "total": 2, "next_cursor": "abc"}))
    found = client.list_jobs(status="running", limit=1)
    assert server.asked("/api/v1/jobs") == []
    assert found.total == 2
    assert next(iter(found)).id == "j1"
    [request] = server.asked("/api/v1/jobs")
    assert dict(request.url.params) == {"status": "running", "limit": "1"}


def test_lists_follow_the_cursor(server: Server, client: Client) -> None:
    def page(request: httpx.Request) -> httpx.Response:
        second = "cursor" in request.url.params
        items = [{**JOB, "id": "j2" if second else "j1"}]
        return httpx.Response(200, json={"items": items, "total": 2, "next_cursor": None if second else "abc"})

    server.on("GET", "/api/v1/jobs", page)
    assert [job.id for job in client.list_jobs()] == ["j1", "j2"]


def upload_to(url: str | None, parts: list[dict[str, Any]] | None = None) -> models.UploadOut:
    """Where speech.zip goes."""
    sent = answer_of("UploadOut", name="speech.zip", method="PUT", url=url, headers={}, parts=parts or [])
    return models.UploadOut.model_validate(sent)


def test_an_upload_carries_the_length_and_reports_progress(server: Server, client: Client, tmp_path: Path) -> None:
    archive = tmp_path / "speech.zip"
    archive.write_bytes(b"x" * 3_000_000)
    server.on("PUT", "/bucket/speech.zip", answer({}))
    moved: list[int] = []
    upload = upload_to("http://s3.test/bucket/speech.zip?X-Amz-Signature=1")
    client.upload_file(upload, archive, moved.append)
    request = server.asked("/bucket/speech.zip")[0]
    assert request.headers["Content-Length"] == "3000000"
    assert "Authorization" not in request.headers
    assert "Transfer-Encoding" not in request.headers
    assert sum(moved) == 3_000_000


def test_a_file_is_put_again_when_the_store_was_away(server: Server, client: Client, tmp_path: Path) -> None:
    archive = tmp_path / "speech.zip"
    archive.write_bytes(b"x" * 3_000_000)
    server.on("PUT", "/bucket/speech.zip", *[breaks] * 6, answer({}, 500), answer({}))
    moved: list[int] = []
    upload = upload_to("http://s3.test/bucket/speech.zip?X-Amz-Signature=1")
    client.upload_file(upload, archive, moved.append)
    assert [len(request.content) for request in server.asked("/bucket/speech.zip")] == [3_000_000] * 8
    assert sum(moved) == 3_000_000

    server.on("PUT", "/bucket/speech.zip", answer({}, 403))
    with pytest.raises(RequestRefusedError):
        client.upload_file(upload, archive)
    assert len(server.asked("/bucket/speech.zip")) == 9


def test_a_version_is_waited_for(server: Server, client: Client) -> None:
    version = answer_of("DatasetVersionDetailOut", number=2, status="processing", error=None)
    path = "/api/v1/datasets/d1/versions"
    server.on("POST", path, answer(version, 202))
    assert client.revise_dataset("d1", language="de").status == "processing"
    [request] = server.asked(path)
    assert json.loads(request.content) == {"language": "de"}
    assert request.headers["Idempotency-Key"]
    server.on("GET", f"{path}/2", answer(version), answer(version | {"status": "ready", "report": {"items_good": 1}}))
    assert client.wait_for_dataset_version("d1", 2).report == {"items_good": 1}
    server.on("GET", f"{path}/2", answer(version | {"status": "error", "error": "none of 4 items can be used"}))
    with pytest.raises(DatasetFailedError, match="version 2 cannot be used: none of 4 items can be used"):
        client.wait_for_dataset_version("d1", 2)
    server.on("GET", f"{path}/2", answer(version))
    with pytest.raises(DatasetFailedError, match="version 2 is still processing after 0 s"):
        client.wait_for_dataset_version("d1", 2, timeout_s=0)


def test_a_dataset_that_ends_in_error_says_why(server: Server, client: Client) -> None:
    pending = answer_of("DatasetOut", id="d1", name="speech", status="processing", error=None)
    failed = {**pending, "status": "error", "error": "speech.zip is a zip bomb"}
    server.on("GET", "/api/v1/datasets/d1", answer(pending), answer(failed))
    with pytest.raises(DatasetFailedError, match="dataset speech cannot be used: speech.zip is a zip bomb"):
        client.wait_for_dataset("d1")


def event_text(*sequences: int) -> str:
    return "".join(
        f'id: {number}\nevent: metric\ndata: {{"step": {number},\ndata: "loss": 1.5}}\n\n' for number in sequences
    )


def stream(text: str, *, breaking: bool = False) -> Handler:
    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield text.encode()
            if breaking:
                raise httpx.ReadError("connection reset")

    return lambda request: httpx.Response(200, stream=Body(), headers={"Content-Type": "text/event-stream"})


def test_the_event_stream_is_taken_up_behind_the_last_event(server: Server, client: Client) -> None:
    server.on(
        "GET",
        "/api/v1/jobs/j1/events",
        stream(": hello\n\n" + event_text(1, 2), breaking=True),
        breaks,
        stream(event_text(2, 3)),
        stream(""),
        stream(""),
    )
    server.on("GET", "/api/v1/jobs/j1", answer({**JOB, "status": "succeeded"}))
    assert [event.sequence for event in client.watch_job("j1")] == [1, 2, 3]
    assert [request.headers.get("Last-Event-ID") for request in server.asked("/api/v1/jobs/j1/events")[:3]] == [
        None,
        "2",
        "2",
    ]


def test_the_event_stream_gives_up_on_a_server_that_is_gone(server: Server, client: Client) -> None:
    server.on("GET", "/api/v1/jobs/j1/events", refuses)
    with pytest.raises(ServerUnreachableError, match="no answer from http://lim.test"):
        list(client.watch_job("j1", patience_s=0.0))


def artifact(
    content: bytes, name: str = "adapter/adapter_model.safetensors", kind: str = "adapter"
) -> models.ArtifactOut:
    sha256 = hashlib.sha256(content).hexdigest()
    url = "http://s3.test/bucket/file"
    fields = answer_of("ArtifactOut", name=name, kind=kind, size=len(content), sha256=sha256, url=url)
    return models.ArtifactOut.model_validate(fields)


def test_an_adapter_is_downloaded_into_a_folder(server: Server, client: Client, tmp_path: Path) -> None:
    server.on("GET", "/bucket/file", lambda request: httpx.Response(200, content=b"weights"))
    listed = {"items": [artifact(b"weights").model_dump(mode="json")], "total": 1, "next_cursor": None}
    server.on("GET", "/api/v1/jobs/j1/artifacts", answer(listed))
    (path,) = client.download_adapter("j1", tmp_path / "adapter")
    assert path == tmp_path / "adapter" / "adapter_model.safetensors"
    assert path.read_bytes() == b"weights"
    assert "Authorization" not in server.asked("/bucket/file")[0].headers


def test_a_download_that_is_not_what_was_announced_leaves_no_file(
    server: Server, client: Client, tmp_path: Path
) -> None:
    server.on("GET", "/bucket/file", lambda request: httpx.Response(200, content=b"weight"))
    with pytest.raises(ChecksumError, match="the server announced"):
        client.download_artifact(artifact(b"weights"), tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def ranged(content: bytes, *, breaking_after: int | None = None) -> Handler:
    """A store that answers ranges; it may break off after some bytes."""

    def handle(request: httpx.Request) -> httpx.Response:
        start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

        class Body(httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                sent = content[start:]
                yield sent[:breaking_after]
                if breaking_after is not None and breaking_after < len(sent):
                    raise httpx.ReadError("connection reset")

        return httpx.Response(206 if start else 200, stream=Body())

    return handle


def test_a_download_continues_where_it_broke_off(server: Server, client: Client, tmp_path: Path) -> None:
    content = bytes(range(256)) * 16384  # 4 MiB
    broken = ranged(content, breaking_after=2**20)
    server.on("GET", "/bucket/file", broken, broken, ranged(content))
    moved: list[int] = []
    path = client.download_artifact(artifact(content), tmp_path / "file", moved.append)
    assert path.read_bytes() == content
    assert sum(moved) == len(content)
    ranges = [request.headers.get("Range") for request in server.asked("/bucket/file")]
    assert ranges == [None, "bytes=1048576-", "bytes=2097152-"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_download_continues_in_another_process(server: Server, client: Client, tmp_path: Path) -> None:
    content = b"0123456789" * 300_000
    server.on("GET", "/bucket/file", lambda request: httpx.Response(403, text="expired"))
    with pytest.raises(RequestRefusedError, match="the object store refused GET: expired"):
        client.download_artifact(artifact(content), tmp_path / "file")
    partial = tmp_path / f".file.{artifact(content).sha256[:12]}.partial"
    partial.write_bytes(content[:1_000_000])
    server.on("GET", "/bucket/file", ranged(content))
    assert client.download_artifact(artifact(content), tmp_path / "file").read_bytes() == content
    assert server.asked("/bucket/file")[-1].headers["Range"] == "bytes=1000000-"
    # What is there already is not fetched again.
    client.download_artifact(artifact(content), tmp_path / "file")
    assert len(server.asked("/bucket/file")) == 2


def test_a_beginning_of_another_file_is_fetched_anew(server: Server, client: Client, tmp_path: Path) -> None:
    content = b"0123456789" * 1000
    partial = tmp_path / f".file.{artifact(content).sha256[:12]}.partial"
    partial.write_bytes(b"x" * 100)
    server.on("GET", "/bucket/file", ranged(content))
    assert client.download_artifact(artifact(content), tmp_path / "file").read_bytes() == content
    assert [request.headers.get("Range") for request in server.asked("/bucket/file")] == ["bytes=100-", None]


def test_a_bundle_is_as_long_as_announced(server: Server, client: Client, tmp_path: Path) -> None:
    content = b"PK" + bytes(3_000_000)
    bundle = answer_of("BundleOut", name="first.zip", size=len(content), url="http://s3.test/bucket/file")
    server.on("GET", "/api/v1/jobs/j1/bundle", answer(bundle))
    broken = ranged(content, breaking_after=2**20)
    server.on("GET", "/bucket/file", broken, ranged(content))
    assert client.download_bundle("j1", tmp_path) == tmp_path / "first.zip"
    assert (tmp_path / "first.zip").read_bytes() == content
    server.on("GET", "/bucket/file", ranged(content[:-1]))
    with pytest.raises(ChecksumError, match="3000001 bytes, the server announced 3000002"):
        client.download_bundle("j1", tmp_path / "other.zip")
    server.on("GET", "/api/v1/jobs/j1/bundle", answer(bundle | {"name": "../../evil"}))
    server.on("GET", "/bucket/file", ranged(content))
    assert client.download_bundle("j1", tmp_path) == tmp_path / "evil"


def test_a_name_that_leaves_the_folder_is_refused(server: Server, client: Client, tmp_path: Path) -> None:
    listed = {
        "items": [artifact(b"x", name="adapter/../../evil").model_dump(mode="json")],
        "total": 1,
        "next_cursor": None,
    }
    server.on("GET", "/api/v1/jobs/j1/artifacts", answer(listed))
    with pytest.raises(ClientError, match="leaves the target folder"):
        client.download_adapter("j1", tmp_path)


def test_a_call_without_login_says_what_to_do() -> None:
    with Client("http://lim.test") as client, pytest.raises(ClientError, match=r"call login\(\) first"):
        client.read_job("j1")


def test_an_answer_that_is_no_json_is_not_taken_for_a_platform(server: Server, client: Client) -> None:
    server.on("GET", "/api/v1/jobs/j1", lambda request: httpx.Response(200, text="<html>welcome</html>"))
    with pytest.raises(ServerUnreachableError, match="with no JSON object"):
        client.read_job("j1")
