"""Values that nobody should send, in every field of every body, every parameter and the headers: never a 5xx."""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import Any, Final

import httpx
import pytest

from services.api.context import Services
from services.api.request_shape import TOO_DEEP
from tests.integration.services.visitors import Visitor, make_admin

JSON: Final = {"Content-Type": "application/json"}


def nested(depth: int, opening: str = "[", closing: str = "]", core: str = "") -> str:
    """JSON so many levels deep."""
    return opening * depth + core + closing * depth


VALUES: Final[dict[str, str]] = {
    **{f"{depth} lists": nested(depth) for depth in (40, 490, 900, 5_000, 100_000)},
    **{f"{depth} objects": nested(depth, '{"a":', "}", "1") for depth in (40, 490, 900, 5_000, 100_000)},
    "lists and objects": nested(450, '[{"type":', "}]", "0"),
    "lists that do not end": "[" * 100_000,
    "objects that do not end": '{"a":' * 100_000,
    "nul": '"a\\u0000b"',
    "nul in a name": '{"a\\u0000b": 1}',
    "a lone surrogate": '"\\ud800"',
    "a lone surrogate in a name": '{"\\udfff": 1}',
    "a huge integer": "9" * 4_000,
    "a huger integer": "9" * 5_000,
    "a negative huge integer": "-" + "9" * 400,
    "2**63": str(2**63),
    "nan": "NaN",
    "infinity": "-Infinity",
    "1e400": "1e400",
    "1e-400": "1e-400",
    "a long text": '"' + "x" * 100_000 + '"',
    "true": "true",
    "null": "null",
    "an empty object": "{}",
    "a text": '"x"',
    "a list of texts": '["x"]',
    "an object of a type": '{"type": "x"}',
    "a list of objects": '[{"type": "x"}]',
    "a number": "1.5",
    "many": "[" + ",".join(["{}"] * 2_000) + "]",
}
TEXTS: Final = {
    "nul": "%00",
    "not utf-8": "%ff%fe",
    "a surrogate": "%ed%a0%80",
    "deep": "%5B" * 2_000,
    "a huge integer": "9" * 5_000,
    "nan": "nan",
    "infinity": "inf",
    "nothing": "",
    "long": "x" * 8_000,
    "a date": "0000-00-00T00:00:00Z",
}


def fields_of(
    document: dict[str, Any], schema: dict[str, Any], path: tuple[str, ...] = (), depth: int = 0
) -> list[tuple[str, ...]]:
    """Paths of the fields of a body, two levels down."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found = []
    for name, told in schema.get("properties", {}).items():
        found.append((*path, name))
        for part in [told, *told.get("anyOf", []), *told.get("oneOf", [])]:
            if depth < 1 and ("$ref" in part or "properties" in part):
                found += fields_of(document, part, (*path, name), depth + 1)
    return list(dict.fromkeys(found))


def with_value(path: tuple[str, ...], value: str) -> str:
    """A body in which only this field is given."""
    for name in reversed(path):
        value = f"{{{json.dumps(name)}: {value}}}"
    return value


INSIDE: Final = re.compile(
    r"\b\w+(?:Config|Body|Patch|Out|Error|Exception|Spec|Settings|Model)\b"  # classes
    r"|\.py\b|/(?:home|tmp|root|usr|work)/|Traceback|\bline \d+"  # files
    r"|\b(?:uq|ix|fk|ck|pk)_\w+|asyncpg|sqlalchemy|psycopg|pydantic|boto|postgres|relation \"|column \""  # the database
    r"|127\.0\.0\.1|localhost|less-is-more/|uploads/",  # hosts and keys of the object store
)
"""What only somebody who knows the inside of the platform could write."""


def check(answer: httpx.Response, told: str) -> None:
    """Let what is no fault of ours pass, and tells nothing of the inside."""
    assert answer.status_code < 500, f"{told}: {answer.status_code} {answer.text[:300]}"
    if answer.status_code >= 400:
        inside = INSIDE.search(answer.text)
        assert inside is None, f"{told}: {inside[0]} in {answer.text[:1500]}"
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", told
        assert len(answer.content) < 200_000, f"{told}: an answer of {len(answer.content)} bytes"


async def document_of(http: httpx.AsyncClient) -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = (await http.get("http://test/openapi.json")).json()
    return document


def address_of(path: str) -> str:
    """A path with ids that name nothing."""
    return "http://test" + re.sub(r"{(\w+)}", lambda name: "1" if name[1] == "number" else str(uuid.uuid4()), path)


@pytest.mark.parametrize("name", VALUES)
async def test_a_hostile_value_as_a_body_and_in_every_field(
    services: Services, http: httpx.AsyncClient, ada: Visitor, name: str
) -> None:
    await make_admin(services, ada)
    document = await document_of(http)
    tried = 0
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            if "requestBody" not in told:
                continue
            schema = told["requestBody"]["content"]["application/json"]["schema"]
            wholes = [VALUES[name], with_value(("zz",), VALUES[name])]
            for body in (*wholes, *(with_value(each, VALUES[name]) for each in fields_of(document, schema))):
                answer = await ada.call(method.upper(), address_of(path), content=body.encode(), headers=JSON)
                check(answer, f"{method} {path} {body[:200]}")
                tried += 1
    assert tried > 100


@pytest.mark.parametrize("name", TEXTS)
async def test_a_hostile_text_in_every_parameter(
    services: Services, http: httpx.AsyncClient, ada: Visitor, name: str
) -> None:
    await make_admin(services, ada)
    tried = 0
    for path, methods in (await document_of(http))["paths"].items():
        for method, told in methods.items():
            if path.endswith(("/events", "/readyz")):
                continue
            for parameter in told.get("parameters", []):
                text = TEXTS[name]
                if parameter["in"] == "header":
                    continue
                if parameter["in"] == "query":
                    address = f"{address_of(path)}?{parameter['name']}={text}"
                else:
                    address = address_of(path.replace(f"{{{parameter['name']}}}", text or "%20"))
                check(await ada.call(method.upper(), address), f"{method} {address[:200]}")
                tried += 1
    assert tried > 60


def token_of(header: str, payload: str = "{}") -> str:
    """Something in the form of an access token."""
    parts = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (header, payload, "x")]
    return ".".join(parts)


@pytest.mark.parametrize(
    "header",
    [
        "[" * 40_000,
        nested(20_000),
        nested(900, '{"a":', "}", "1"),
        '{"alg": ' + "9" * 5_000 + "}",
        "NaN",
        '{"alg": [[[]]]}',
        '{"alg": "HS256", "crit": ["b64"], "b64": false}',
        '{"alg":"HS256","kid":' + nested(5_000) + "}",
        '"\\ud800"',
    ],
)
async def test_access_tokens_that_nobody_made(http: httpx.AsyncClient, header: str) -> None:
    for path in ("/users/me", "/jobs", "/datasets"):
        answer = await http.get(path, headers={"Authorization": f"Bearer {token_of(header)}"})
        assert answer.status_code == 401, f"{path}: {answer.status_code} {answer.text[:300]}"


@pytest.mark.parametrize(
    "cursor",
    [
        "[" * 600,
        nested(500),
        "[1e400]",
        "[NaN]",
        "[" + "9" * 500 + "]",
        '["0001-01-01T00:00:00+14:00","' + "0" * 32 + '"]',
        '["9999-12-31T23:59:59-14:00","' + "0" * 32 + '"]',
    ],
)
async def test_cursors_that_nobody_made(ada: Visitor, cursor: str) -> None:
    written = base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")
    for path in ("/jobs", "/datasets", "/models", "/projects", "/adapters", "/notifications", "/users/me/audit"):
        check(await ada.get(path, params={"cursor": written}), f"{path} {cursor[:60]}")


@pytest.mark.parametrize("depth", [30, 900, 5_000, 100_000])
async def test_what_is_nested_too_deep_is_told(ada: Visitor, depth: int) -> None:
    for body in (nested(depth), with_value(("config",), nested(depth, '{"a":', "}", "1"))):
        answer = await ada.post("/jobs", content=body.encode(), headers=JSON)
        assert answer.status_code == 422
        assert [fault["message"] for fault in answer.json()["errors"]] == [TOO_DEEP]
