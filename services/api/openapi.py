"""The OpenAPI document, derived by FastAPI, with the platform's error responses in place of FastAPI's.

`python -m services.api.openapi` writes it to docs/openapi.json; with `--check` it says whether that is up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request, Response

from services.api.dependencies import Access
from services.api.examples import PROBLEM, REQUESTS, TAGS
from services.api.live_models import live_schemas
from services.api.problems import Problem

PATH: Final = "/openapi.json"
_VERSION: Final = "3.2.0"
"""The first version with `itemSchema`, which describes the events of a stream."""
_REFERENCES = "#/components/schemas/{model}"
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI, access: Mapping[str, Access]) -> None:
    """Serve the application's OpenAPI document, which is generated once.

    Args:
        app: the application.
        access: what each operation requires of its caller, by operation id; published as `x-access`.
    """
    app.openapi_version = _VERSION
    derive = app.openapi

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = derive()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for name in _FASTAPIS_OWN:
                schemas.pop(name, None)
            problem = Problem.model_json_schema(ref_template=_REFERENCES)
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = {**problem, "examples": [PROBLEM]}
            for name, schema in live_schemas(_REFERENCES).items():
                schemas.setdefault(name, schema)
            _name_optional_bodies(document)
            _add_examples(document)
            _add_access(document, access)
            document["tags"] = [{"name": name, "description": told} for name, told in TAGS.items()]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way

    @cache
    def text() -> bytes:
        return json.dumps(describe(), ensure_ascii=False, separators=(",", ":")).encode()

    async def document(_: Request) -> Response:
        """The document, serialized only once because anybody may request it repeatedly."""
        return Response(text(), media_type="application/json")

    app.add_route(PATH, document, include_in_schema=False)


def _add_access(document: dict[str, Any], access: Mapping[str, Access]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["x-access"] = access[operation["operationId"]]


def _name_optional_bodies(document: dict[str, Any]) -> None:
    """Describe an optional body by its model, without null: that it may be left out says `required`."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                kinds = [each for each in content["schema"].get("anyOf", []) if each.get("type") != "null"]
                if len(kinds) == 1:
                    content["schema"] = kinds[0]


def _add_examples(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            examples = REQUESTS.get(operation["operationId"])
            if examples and "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                content["examples"] = {title: {"value": value} for title, value in examples.items()}


def document_text() -> str:
    """The document as stored in docs/openapi.json; needs neither a database nor a cluster."""
    from services.api.app import create_app
    from services.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="lim-openapi-") as home:
        nowhere = {
            "LIM_HOME": home,
            "DATABASE_URL": "postgresql://localhost/none",
            "S3_ENDPOINT_URL": "http://localhost",
        }
        return (
            json.dumps(create_app(load_settings(nowhere)).openapi(), indent=1, sort_keys=True, ensure_ascii=False)
            + "\n"
        )


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m services.api.openapi",
        description="Write the API's OpenAPI document, or check that the one that is there is up to date.",
        epilog="example: python -m services.api.openapi --check",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when it is out of date")
    parser.add_argument("--out", type=Path, default=Path("docs/openapi.json"), help="(default: %(default)s)")
    arguments = parser.parse_args()
    text = document_text()
    if not arguments.check:
        arguments.out.write_text(text, encoding="utf-8")
        return 0
    if not arguments.out.is_file() or arguments.out.read_text(encoding="utf-8") != text:
        sys.stderr.write(f"{arguments.out} is not what the code says: run `make openapi`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
