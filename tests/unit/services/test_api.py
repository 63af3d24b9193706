from __future__ import annotations

import inspect
import io
import json
import uuid
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from services.api import routers
from services.api.app import create_app
from services.api.dataset_models import SourceBody
from services.api.examples import REQUESTS
from services.api.paging import page_of_list, read_number_cursor, write_cursor
from services.api.problems import request_faults
from services.config_faults import CheckedTrainingConfig
from services.datasets.audio import PcmSpan, read_wav_header, wav_header
from services.errors import InvalidRequestError
from services.settings import load_settings


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    environ = {
        "LIM_HOME": str(tmp_path_factory.mktemp("home")),
        "DATABASE_URL": "postgresql://nowhere/none",
        "S3_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    return create_app(load_settings(environ))


def references(node: Any) -> set[str]:
    """Every $ref below a node."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(item) for item in node)) if isinstance(node, list) else set()


def test_the_openapi_document_is_whole(app: FastAPI) -> None:
    document = app.openapi()
    json.dumps(document, allow_nan=False)
    schemas = document["components"]["schemas"]
    assert references(document) <= {f"#/components/schemas/{name}" for name in schemas}
    assert "HTTPValidationError" not in schemas
    assert set(schemas["Problem"]["properties"]) == {
        "type",
        "title",
        "status",
        "code",
        "detail",
        "errors",
        "correlation_id",
    }
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert operation["description"], operation["operationId"]
        errors = {code for code in operation["responses"] if int(code) >= 400}
        secured = bool(operation.get("security"))
        assert ("401" in errors) == (secured or operation["operationId"] in {"login", "refresh", "set_password_anew"})
        for code in errors - {"503"}:
            assert list(operation["responses"][code]["content"]) == ["application/problem+json"]


def test_every_body_has_examples_that_it_takes(app: FastAPI) -> None:
    document = app.openapi()
    operations = {o["operationId"]: o for path in document["paths"].values() for o in path.values()}
    with_body = {name: operation for name, operation in operations.items() if "requestBody" in operation}
    assert REQUESTS.keys() == with_body.keys()
    modules = [module for name, module in vars(routers).items() if hasattr(module, "router")]
    endpoints = {route.name: route.endpoint for module in modules for route in module.router.routes}
    for name, operation in with_body.items():
        body = TypeAdapter(inspect.get_annotations(endpoints[name], eval_str=True)["body"])
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        assert examples
        for example in examples.values():
            body.validate_python(example["value"])


def test_every_tag_says_what_it_is_about(app: FastAPI) -> None:
    document = app.openapi()
    used = {tag for path in document["paths"].values() for operation in path.values() for tag in operation["tags"]}
    assert {tag["name"] for tag in document["tags"]} == used


@pytest.mark.parametrize("method", ["patch", "put", "delete"])
def test_a_change_may_meet_the_deletion_of_what_it_changes(app: FastAPI, method: str) -> None:
    """Rows are changed without being locked first, so that another request may delete them between."""
    operations = {path: told[method] for path, told in app.openapi()["paths"].items() if method in told}
    assert operations
    assert [path for path, operation in operations.items() if "409" not in operation["responses"]] == []


def test_the_contract_is_there(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    for path, methods in {
        "/api/v1/auth/signup": {"post"},
        "/api/v1/auth/login": {"post"},
        "/api/v1/auth/refresh": {"post"},
        "/api/v1/auth/logout": {"post"},
        "/api/v1/events": {"get"},
        "/api/v1/users/me": {"get"},
        "/api/v1/adapters": {"get", "post"},
        "/api/v1/adapters/{adapter_id}": {"get", "patch", "delete"},
        "/api/v1/adapters/{adapter_id}/compare": {"get"},
        "/api/v1/adapters/{adapter_id}/versions": {"get", "post"},
        "/api/v1/adapters/{adapter_id}/versions/{number}": {"get"},
        "/api/v1/projects": {"get", "post"},
        "/api/v1/projects/{project_id}": {"get", "patch", "delete"},
        "/api/v1/cluster/nodes": {"get"},
        "/api/v1/cluster/usage": {"get"},
        "/api/v1/estimates": {"post"},
        "/api/v1/models": {"get", "post"},
        "/api/v1/models/{model_id}": {"get", "patch", "delete"},
        "/api/v1/schemas/training": {"get"},
        "/api/v1/datasets": {"get", "post"},
        "/api/v1/datasets/{dataset_id}": {"get", "patch", "delete"},
        "/api/v1/datasets/{dataset_id}/complete": {"post"},
        "/api/v1/datasets/{dataset_id}/report": {"get"},
        "/api/v1/datasets/{dataset_id}/preview": {"get"},
        "/api/v1/datasets/{dataset_id}/items/{item}/audio": {"get"},
        "/api/v1/datasets/{dataset_id}/versions": {"get", "post"},
        "/api/v1/datasets/{dataset_id}/versions/{number}": {"get", "delete"},
        "/api/v1/datasets/{dataset_id}/versions/{number}/items": {"get"},
        "/api/v1/jobs": {"get", "post"},
        "/api/v1/jobs/{job_id}": {"get", "patch"},
        "/api/v1/jobs/{job_id}/stop": {"post"},
        "/api/v1/jobs/{job_id}/resume": {"post"},
        "/api/v1/jobs/{job_id}/events": {"get"},
        "/api/v1/jobs/{job_id}/metrics": {"get"},
        "/api/v1/jobs/{job_id}/logs": {"get"},
        "/api/v1/jobs/{job_id}/artifacts": {"get"},
        "/healthz": {"get"},
        "/readyz": {"get"},
    }.items():
        assert methods <= set(paths[path]), path


def faults(body: dict[str, Any], values: Any = CheckedTrainingConfig) -> dict[str, str]:
    """The faults of a body whose values are configs, or of another type."""
    try:
        TypeAdapter(dict[str, values]).validate_python(body)
    except ValidationError as error:
        located: list[Any] = [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
        return {fault.path: fault.message for fault in request_faults(RequestValidationError(located, body=body))}
    return {}


def test_paths_are_those_that_the_client_wrote() -> None:
    config = {"method": {"type": "lora", "rank": "x"}, "optimizer": {"betas": [0.9, 3]}, "max_steps": 1, "tusk": 1}
    assert set(faults({"config": config})) == {"config.method.rank", "config.optimizer.type", "config.tusk"}
    config = {"optimizer": {"type": "adamw_8bit", "betas": [0.9, 3], "eps": 0}, "max_steps": 1}
    assert set(faults({"config": config})) == {"config.optimizer.betas.1", "config.optimizer.eps"}
    assert faults({"config": {"max_steps": 1, "tusk": 1}})["config.tusk"].startswith("no such field")
    assert "found -1" in faults({"config": {"max_steps": -1}})["config.max_steps"]


def test_a_wrong_or_missing_kind_is_told_at_the_field_that_says_it() -> None:
    found = faults({"source": {"type": "ftp"}, "other": {"url": "https://example.org/a.zip"}}, SourceBody)
    assert found["source.type"] == "Input should be one of 'upload', 'url', 's3'; found 'ftp'"
    assert set(found) == {"source.type", "other.type"}


def test_a_list_is_walked_by_its_cursors() -> None:
    seen: list[int] = []
    cursor = None
    while True:
        page = page_of_list(range(25), limit=10, cursor=cursor)
        assert page.total == 25
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == list(range(25))


@pytest.mark.parametrize(
    "keys",
    [
        [],
        ["x"],
        [-1],
        [2**63],
        [None],
        [1.5],
        [1, 2],
        [[1]],
        [str(uuid.uuid4()), datetime.now(UTC).isoformat()],
    ],
)
def test_foreign_cursors_are_refused(keys: list[Any]) -> None:
    with pytest.raises(InvalidRequestError, match="one fault"):
        read_number_cursor(write_cursor(keys))


def test_the_samples_of_a_wav_file_are_found(tmp_path: Path) -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(b"\x01\x02" * 100)
    span = read_wav_header(file.getvalue())
    assert span == PcmSpan(offset=44, rate_hz=16_000, channels=1, bytes_per_frame=2, data_bytes=200)
    assert wav_header(span, 200) == file.getvalue()[:44]
    extra = file.getvalue()[:36] + b"LIST\x03\x00\x00\x00abc\x00" + file.getvalue()[36:]
    assert read_wav_header(extra).offset == 56


@pytest.mark.parametrize("head", [b"", b"RIFF", b"RIFF\x00\x00\x00\x00WAVE", b"ID3" * 100])
def test_what_is_no_wav_file_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match="WAV file"):
        read_wav_header(head)
