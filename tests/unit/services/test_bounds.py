"""Nothing that a user may say is without bounds: every number, text, list and mapping of bodies, queries and configs."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import ray  # noqa: F401 - defines a subclass of Popen, which unit tests replace
from pydantic import TypeAdapter

import cluster
import engine
import services
import tuning
from engine.config.base import Config
from services.api.app import create_app
from services.settings import Settings, load_settings

# What the platform writes and reads back itself, of as many items as a dataset has; nobody sends it.
RECORDS = {"VersionRecord", "ItemDecision", "ItemRecord", "ItemFinding"}


def unbounded(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str) -> set[str]:
    """Paths of what has no bounds in a JSON schema, with what is missing."""
    seen: set[str] = set()
    found: set[str] = set()

    def walk(node: Any, path: str) -> None:
        if not isinstance(node, Mapping):
            return
        if "$ref" in node:
            referred = node["$ref"].rpartition("/")[2]
            if referred not in seen and referred not in RECORDS:
                seen.add(referred)
                walk(definitions[referred], referred)
        for several in ("anyOf", "oneOf", "allOf", "prefixItems"):
            for part in node.get(several, ()):
                walk(part, path)
        if "enum" in node or "const" in node:
            return
        kind = node.get("type")
        if kind in ("integer", "number"):
            for end, keys in {
                "minimum": ("minimum", "exclusiveMinimum"),
                "maximum": ("maximum", "exclusiveMaximum"),
            }.items():
                if not any(key in node for key in keys):
                    found.add(f"{path}: no {end}")
        elif kind == "string":
            if not node.keys() & {"maxLength", "pattern", "format"}:
                found.add(f"{path}: no maxLength")
            if (
                "pattern" in node
                and "maxLength" not in node
                and any(open in node["pattern"] for open in ("*", "+", ",}"))
            ):
                found.add(f"{path}: its pattern matches any length, and there is no maxLength")
        elif kind == "array":
            if "maxItems" not in node:
                found.add(f"{path}: no maxItems")
            walk(node.get("items"), f"{path}[]")
        elif kind == "object":
            if node.get("additionalProperties", "properties" not in node) is not False:
                if "maxProperties" not in node:
                    found.add(f"{path}: no maxProperties")
                names = node.get("propertyNames", {})
                walk({"type": "string", **names}, f"{path} (names)")
                walk(node.get("additionalProperties"), f"{path}{{}}")
            for field, part in node.get("properties", {}).items():
                walk(part, f"{path}.{field}")
        elif kind is None and not node.keys() & {"$ref", "anyOf", "oneOf", "allOf"}:
            found.add(f"{path}: anything")

    walk(schema, name)
    return found


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The OpenAPI document as the application makes it."""
    environ = {
        "LIM_HOME": str(tmp_path_factory.mktemp("home")),
        "S3_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    settings: Settings = load_settings(environ, database_url="postgresql://nobody@127.0.0.1/nothing")
    return create_app(settings).openapi()


def test_every_body_and_parameter_of_the_api_has_bounds(document: dict[str, Any]) -> None:
    definitions = document["components"]["schemas"]
    found: set[str] = set()
    bodies = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method.upper()} {path}"
            for media in operation.get("requestBody", {}).get("content", {}).values():
                bodies += 1
                found |= unbounded(media["schema"], definitions, where)
            for parameter in operation.get("parameters", ()):
                found |= unbounded(parameter["schema"], definitions, f"{where} ?{parameter['name']}")
    assert bodies > 20
    assert not found, "\n".join(sorted(found))


def config_models() -> Iterator[type[Config]]:
    """Every config model of ours."""
    for package in (engine, cluster, tuning, services):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            folder = Path(module.module_finder.path)  # type: ignore[union-attr]
            text = folder / f"{module.name.rpartition('.')[2]}.py"
            if not module.ispkg and "Config" in text.read_text(encoding="utf-8"):
                importlib.import_module(module.name)
    waiting = [Config]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if (
            model is not Config
            and not model.__name__.startswith("_")
            and model.__module__.startswith(("engine.", "cluster.", "tuning.", "services."))
        ):
            yield model


def test_every_config_has_bounds() -> None:
    models = {model for model in config_models() if model.__name__ not in RECORDS}
    assert {"TrainingConfig", "SelectionRunConfig", "RunConfig", "PretrainRecipe", "ValidationConfig"} <= {
        model.__name__ for model in models
    }
    found: set[str] = set()
    for model in models:
        schema = TypeAdapter(model).json_schema()
        found |= unbounded(schema, schema.get("$defs", {}), model.__name__)
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize(
    ("schema", "missing"),
    [
        ({"type": "integer", "minimum": 0}, "x: no maximum"),
        ({"anyOf": [{"type": "number", "maximum": 1}, {"type": "null"}]}, "x: no minimum"),
        ({"type": "array", "maxItems": 2, "items": {"type": "string"}}, "x[]: no maxLength"),
        ({"type": "string", "pattern": "^s3://.*$"}, "x: its pattern matches any length, and there is no maxLength"),
        (
            {"type": "object", "additionalProperties": {"type": "boolean"}, "maxProperties": 2},
            "x (names): no maxLength",
        ),
        ({"type": "object"}, "x: no maxProperties"),
        ({"type": "object", "properties": {"y": {}}}, "x.y: anything"),
    ],
)
def test_what_has_no_bounds_is_found(schema: dict[str, Any], missing: str) -> None:
    assert missing in unbounded(schema, {}, "x")
