"""Requests that nobody should send: refused with a problem, never a 5xx."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from services.api.context import Services
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor, paths_of

JSON = {"Content-Type": "application/json"}
POSTS = ["/auth/signup", "/auth/login", "/auth/refresh", "/auth/logout", "/datasets", "/jobs"]

RAW_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "half": b'{"name": "x',
    "not json": b"name=x",
    "not utf-8": b'{"name": "\xff\xfe"}',
    "a number": b"1",
    "null": b"null",
    "a list": b"[]",
    "text": b'"text"',
    "deep": b"[" * 100_000,
    "deep and whole": b"[" * 5_000 + b"]" * 5_000,
    "deep objects": b'{"config":' * 900 + b"1" + b"}" * 900,
    "a huge number": b'{"name": ' + b"9" * 5_000 + b"}",
    "a large number": b'{"name": "x", "source": {"type": "upload", "files": [{"name": "a", "size": 1e400}]}}',
    "nan": b'{"name": NaN, "username": Infinity, "config": {"max_steps": NaN}}',
    "nul": b'{"name": "a\\u0000b", "username": "a\\u0000b", "username_or_email": "\\u0000", "password": "\\u0000"}',
    "lone surrogates": b'{"name": "\\ud800", "username": "\\udfff", "refresh_token": "\\ud800", "\\ud800": 1}',
    "repeated keys": b'{"name": "a", "name": 1, "name": null}',
    "byte order mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("name", RAW_BODIES)
async def test_bodies_that_cannot_be_read(ada: Visitor, name: str) -> None:
    for path in POSTS:
        answer = await ada.post(path, content=RAW_BODIES[name], headers=JSON)
        assert 400 <= answer.status_code < 500, f"{path}: {answer.status_code} {answer.text[:300]}"
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert set(problem) == {"type", "title", "status", "code", "detail", "errors", "correlation_id"}
        assert problem["status"] == answer.status_code


async def test_another_content_type_is_refused(ada: Visitor) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x", ""):
        answer = await ada.post("/jobs", content=b"{}", headers={"Content-Type": media_type})
        assert answer.status_code == 415, f"{media_type}: {answer.text}"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_is_refused(ada: Visitor, chunked: bool) -> None:
    async def pieces() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    content = pieces() if chunked else b" " * 2_000_000
    answer = await ada.post("/jobs", content=content, headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_ids_that_are_none(ada: Visitor) -> None:
    for bad in ("x", "0", "00000000-0000-0000-0000-00000000000", "%00", "..%2f..", "'; DROP TABLE jobs; --", "é" * 50):
        for path in ("/jobs/{}", "/jobs/{}/events", "/jobs/{}/artifacts", "/datasets/{}", "/datasets/{}/preview"):
            answer = await ada.get(path.format(bad))
            assert answer.status_code in {404, 422}, f"{path} {bad}: {answer.text}"
    assert (await ada.get("/models/%00")).status_code == 404
    assert (await ada.get("/models/whisper-pico")).json()["id"] == "whisper-pico"


@pytest.mark.parametrize("path", ["/jobs", "/datasets", "/models"])
async def test_bad_questions_to_lists(ada: Visitor, path: str) -> None:
    cursors = ["x", "e30", "W10", "WzFd", "bnVsbA", "WyJ4IiwieSJd", "AAAA", "é", "=", "W1tbW1tbW1tb", "WzFlNDAwXQ"]
    for cursor in cursors:
        answer = await ada.get(path, params={"cursor": cursor})
        assert answer.status_code in {200, 422}, f"{cursor}: {answer.text}"
    for limit in ("0", "-1", "101", "x", "9" * 400, "1.5", ""):
        answer = await ada.get(path, params={"limit": limit})
        assert answer.status_code == 422, f"{limit}: {answer.text}"
        assert paths_of(answer) == ["limit"]
    for text in ("\0", "%", "_", "\\", "'", "\U0001f600", "x" * 200):
        answer = await ada.get(path, params={"q": text})
        assert answer.status_code == (422 if text == "\0" else 200), f"{text!r}: {answer.text}"
    if path != "/models":
        answer = await ada.get(path, params={"status": "sleeping"})
        assert paths_of(answer) == ["status"]


async def test_headers_that_are_odd(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada, status="stopped")
    for value in ("-1", "x", "1.5", "9" * 40, "²", "0x10"):
        answer = await ada.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": value.encode()})
        assert answer.status_code == 200
    body = {"name": "x", "source": {"type": "upload", "files": [{"name": "a.zip", "size": 1}]}}
    for key in ("", "x" * 256, "a b", "é"):
        answer = await ada.post("/datasets", json=body, headers={"Idempotency-Key": key.encode()})
        assert answer.status_code == 422, f"{key!r}: {answer.text}"
        assert paths_of(answer) == ["Idempotency-Key"]


async def test_every_fault_of_a_config_is_named_with_its_path(services: Services, ada: Visitor) -> None:
    body = {
        "model_id": "whisper-pico",
        "dataset_id": str(await rows.ready_dataset(services, ada)),
        "config": {
            "method": {"type": "qlora", "rank": 0, "alpha": "much", "rang": 4},
            "optimizer": {"type": "adamw", "betas": [0.9, 2]},
            "schedule": {"type": "sometimes"},
            "max_steps": -1,
        },
        "resources": {"num_workers": 0},
    }
    answer = await ada.post("/jobs", json=body)
    assert answer.status_code == 422
    assert set(paths_of(answer)) == {
        "config.method.rank",
        "config.method.alpha",
        "config.method.rang",
        "config.optimizer.betas.1",
        "config.schedule.type",
        "config.max_steps",
        "resources.num_workers",
    }
    assert "found 0" in answer.text
    assert (await ada.get("/jobs")).json()["total"] == 0


async def test_faults_between_fields_are_named_with_those_of_fields(services: Services, ada: Visitor) -> None:
    body = {
        "model_id": "whisper-pico",
        "dataset_id": str(await rows.ready_dataset(services, ada)),
        "config": {
            "max_steps": 5,
            "epochs": 2,
            "seed": -1,
            "batch": {"cost": 1, "micro_batch_cost": 2},
        },
    }
    answer = await ada.post("/jobs", json=body)
    assert answer.status_code == 422
    assert set(paths_of(answer)) == {"config.seed", "config.batch.micro_batch_cost", "config.epochs"}
    assert "give one of them" in answer.text


async def test_an_unknown_model_gets_the_known_ones(services: Services, ada: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    for name in ("whisper-gigantic", "../../etc", "", "x" * 200):
        answer = await ada.post("/jobs", json={"model_id": name, "dataset_id": dataset_id, "config": rows.CONFIG})
        assert answer.status_code == 422
        assert paths_of(answer) == ["model_id"]
        assert "whisper-pico" in answer.text


async def test_a_dataset_that_is_not_ready_is_refused(ada: Visitor) -> None:
    source = {"type": "upload", "files": [{"name": "a.zip", "size": 1}]}
    dataset = (await ada.post("/datasets", json={"name": "x", "source": source})).json()["dataset"]
    body = {"model_id": "whisper-pico", "dataset_id": dataset["id"], "config": rows.CONFIG}
    answer = await ada.post("/jobs", json=body)
    assert answer.status_code == 409
    assert answer.json()["code"] == "dataset_not_ready"
    for path in ("report", "preview", "items/one/audio"):
        assert (await ada.get(f"/datasets/{dataset['id']}/{path}")).status_code == 409


@pytest.mark.parametrize(
    ("files", "faulty"),
    [
        ([], ["source.files"]),
        ([{"name": "../up.zip", "size": 1}], ["source.files.0.name"]),
        ([{"name": "/etc/passwd", "size": 1}], ["source.files.0.name"]),
        ([{"name": "C:\\x.zip", "size": 1}], ["source.files.0.name"]),
        ([{"name": "a\nb", "size": 1}], ["source.files.0.name"]),
        ([{"name": "", "size": -1}], ["source.files.0.name", "source.files.0.size"]),
        ([{"name": "x" * 256, "size": 2**63}], ["source.files.0.name", "source.files.0.size"]),
        ([{"name": "a", "size": 2**62}], ["source.files.0.size"]),
        ([{"name": "a", "size": 1}, {"name": "a", "size": 1}], ["source.files"]),
        ([{"name": "a", "size": 1}, {"name": "a/b", "size": 1}], ["source.files"]),
        ([{"name": f"{n}.wav", "size": 1} for n in range(17)], ["source.files"]),
        ([{"name": "a.zip", "size": "large", "extra": 1}], ["source.files.0.size", "source.files.0.extra"]),
    ],
)
async def test_files_that_cannot_be_announced(ada: Visitor, files: list[dict[str, Any]], faulty: list[str]) -> None:
    answer = await ada.post("/datasets", json={"name": "x", "source": {"type": "upload", "files": files}})
    assert answer.status_code == 422, answer.text
    assert sorted(paths_of(answer)) == sorted(faulty)


async def test_a_request_keeps_the_name_that_it_brings(http: httpx.AsyncClient) -> None:
    answer = await http.get("/users/me", headers={"X-Request-ID": "my-request.1"})
    assert answer.headers["x-request-id"] == "my-request.1"
    assert answer.json()["correlation_id"] == "my-request.1"
    for odd in ("a b", "x" * 129, "<script>", "é"):
        answer = await http.get("/users/me", headers={"X-Request-ID": odd.encode()})
        assert answer.headers["x-request-id"] == answer.json()["correlation_id"] != odd


async def test_unknown_places_are_problems_too(http: httpx.AsyncClient) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("DELETE", "/users/me", 405), ("TRACE", "/jobs", 405)):
        answer = await http.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_fault_of_ours_tells_nothing_but_its_name(
    ada: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("services.catalogue.models.list_models", broken)
    answer = await ada.get("/models", headers={"X-Request-ID": "find-me"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["correlation_id"] == "find-me"
    assert "find-me" in caplog.text
    assert "the secret reason" in caplog.text


async def test_the_schema_of_a_config_has_limits_defaults_and_descriptions(ada: Visitor) -> None:
    schema = (await ada.get("/schemas/training")).json()
    assert schema["properties"]["seed"]["default"] == 0
    rank = schema["$defs"]["QloraConfig"]["properties"]["rank"]
    assert (rank["minimum"], rank["maximum"], rank["default"]) == (1, 1024, 8)
    assert rank["description"] == "Rank of each adapter, unless `allocation` gives others."
    json.dumps(schema, allow_nan=False)
