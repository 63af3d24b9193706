"""The client has every operation of the OpenAPI document and sends every field of every body."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.client import Client, Content, Pages, models
from services.client.generated import DOCUMENT_SHA256
from services.client.generated.made_by import GENERATOR_SHA256
from services.client.generated.operations import Operations
from services.client.generator.document import own_digest
from services.client.generator.methods import OF_BROWSERS
from tests.unit.services.filled import DOCUMENT, SCHEMAS, Filler, answer_of, reachable

OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
BODIES = {
    name: operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    for name, (_, _, operation) in OPERATIONS.items()
    if "requestBody" in operation
}
ROUNDS = range(60)


class Server:
    """Answers each operation with everything that its schema allows, and keeps the request."""

    def __init__(self, operation: dict[str, Any]) -> None:
        status = min(code for code in operation["responses"] if code < "300")  # 206 is a part of what 200 is
        answer = operation["responses"][status]
        self.status, self.content = int(status), answer.get("content", {})
        self.request: httpx.Request | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.request = request
        for kind, media in self.content.items():
            if kind == "application/json":
                value = Filler().fill(media["schema"])
                return httpx.Response(
                    self.status, json=value | ({"next_cursor": None} if "next_cursor" in value else {})
                )
            return httpx.Response(self.status, content=b"", headers={"Content-Type": kind})
        return httpx.Response(self.status)


def python_name(name: str) -> str:
    return name.replace("-", "_").lower() if "-" in name else name


def called(name: str, values: dict[str, Any], body: dict[str, Any]) -> httpx.Request:
    """The request that a method makes of these parameters and this body."""
    server = Server(OPERATIONS[name][2])
    arguments = {python_name(each): value for each, value in {**values, **body}.items()}
    with Client("http://lim.test", api_key="lim_x", transport=httpx.MockTransport(server)) as client:
        # Those of the thin layer have the same names and fewer possibilities.
        result = getattr(Operations, name)(client, **arguments)
        if isinstance(result, Pages):
            list(result)
        elif isinstance(result, Content):
            result.read()
        elif inspect.isgenerator(result):
            list(result)
    assert server.request is not None
    return server.request


def test_the_client_is_of_this_document() -> None:
    text = (Path(__file__).parents[3] / "docs" / "openapi.json").read_bytes()
    assert hashlib.sha256(text).hexdigest() == DOCUMENT_SHA256, "docs/openapi.json has changed: run `make client`"
    assert own_digest() == GENERATOR_SHA256, "services/client/generator has changed: run `make client`"


def test_every_operation_is_a_method_and_every_method_an_operation() -> None:
    methods = {name for name in vars(Operations) if not name.startswith("_")}
    assert methods == OPERATIONS.keys()
    assert all(callable(getattr(Client, name)) for name in methods)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_parameter_and_field_is_sent(name: str) -> None:
    method, path, operation = OPERATIONS[name]
    parameters = [each for each in operation.get("parameters", []) if each["name"] not in OF_BROWSERS]
    values = {each["name"]: f"a/b {number}" for number, each in enumerate(parameters)}
    filler = Filler()
    for _ in ROUNDS if name in BODIES else (0,):
        body = filler.fill({"$ref": f"#/components/schemas/{BODIES[name]}"}) if name in BODIES else {}
        request = called(name, values, body)
        assert request.method == method.upper()
        for each in parameters:
            value = values[each["name"]]
            if each["in"] == "path":
                path = path.replace(f"{{{each['name']}}}", value.replace("/", "%2F").replace(" ", "%20"))
            elif each["in"] == "query":
                assert request.url.params[each["name"]] == value
            else:
                assert request.headers[each["name"]] == value
        assert request.url.raw_path.split(b"?")[0] == path.encode()
        assert (json.loads(request.content) if name in BODIES else {}) == body
        assert ("Authorization" in request.headers) == bool(operation.get("security"))
    assert filler.seen == (reachable(BODIES[name]) if name in BODIES else set())


@pytest.mark.parametrize("name", BODIES)
def test_a_body_may_be_made_of_models(name: str) -> None:
    """Typed, nested, with nothing that was not given."""
    schema = BODIES[name]
    model = getattr(models, "".join(part[:1].upper() + part[1:] for part in re.split("[^0-9a-zA-Z]+", schema)))
    filler = Filler()
    for _ in ROUNDS:
        body = filler.fill({"$ref": f"#/components/schemas/{schema}"})
        made = model.model_validate(body)
        fields = {field: getattr(made, field) for field in type(made).model_fields}
        parameters = {each["name"]: "x" for each in OPERATIONS[name][2].get("parameters", []) if each["in"] == "path"}
        assert json.loads(called(name, parameters, fields).content) == body


@pytest.mark.parametrize("name", BODIES)
def test_what_is_not_given_is_not_sent(name: str) -> None:
    required = SCHEMAS[BODIES[name]].get("required", [])
    body = {field: Filler().fill(SCHEMAS[BODIES[name]]["properties"][field]) for field in required}
    path = {each["name"]: "x" for each in OPERATIONS[name][2].get("parameters", []) if each["in"] == "path"}
    assert json.loads(called(name, path, body).content) == body


def test_of_a_nested_model_what_was_given_is_sent() -> None:
    config = models.TrainingConfig(max_steps=5, method=models.LoraConfig(type="lora"), epochs=None)
    request = called("create_job", {}, {"model_id": "m", "dataset_id": "d", "config": config})
    assert json.loads(request.content)["config"] == {"max_steps": 5, "method": {"type": "lora"}, "epochs": None}


def test_null_is_sent_where_it_was_given() -> None:
    request = called("change_job", {"job_id": "x"}, {"project_id": None})
    assert json.loads(request.content) == {"project_id": None}


def test_an_answer_of_a_newer_server_is_read() -> None:
    """A field and a status that this client does not know."""
    job = models.JobOut.model_validate(answer_of("JobOut", status="paused") | {"mood": "good"})
    assert job.status == "paused"
