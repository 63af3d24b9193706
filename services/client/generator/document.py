"""Reduce the OpenAPI document to what the client needs: constraints that only the server checks are left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Schema = Mapping[str, Any]
REFERENCE: Final = "#/components/schemas/"

_LEFT_OUT: Final = frozenset(
    [
        "title",
        "examples",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
    ]
)
"""Constraints that the client must not check: it would raise before the server could report every fault together."""


def digest(text: str) -> str:
    """SHA-256 of a text; shows whether a document has changed."""
    return hashlib.sha256(text.encode()).hexdigest()


def own_digest() -> str:
    """SHA-256 of the generator's code and pinned dependencies; shows whether it has changed."""
    folder = Path(__file__).parent
    files = [*sorted(folder.glob("*.py")), folder / "requirements.lock"]
    return digest("".join(file.read_text(encoding="utf-8") for file in files))


def reduced(document: Schema) -> dict[str, Any]:
    """The document with types, names, defaults and descriptions only.

    Ids are plain strings. Schemas that occur in responses only also accept unlisted fields and values, so that an older
    client can read the responses of a newer server.
    """
    simple: dict[str, Any] = _reduced(document)
    schemas = simple["components"]["schemas"]
    sent = _sent(simple)
    simple["components"]["schemas"] = {
        name: schema if name in sent else _widened(schema) for name, schema in schemas.items()
    }
    return simple


def operations(document: Schema) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation, in the order of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def body_schema(operation: Schema) -> Schema | None:
    """The schema of the operation's JSON body; None: it takes none."""
    content = operation.get("requestBody", {}).get("content", {})
    schema: Schema | None = content.get("application/json", {}).get("schema")
    if content and schema is None:
        raise ValueError(f"{operation['operationId']} takes {', '.join(content)}; the client sends JSON")
    return schema


def named(schema: Schema) -> str | None:
    """The name of the schema that this one refers to."""
    reference = schema.get("$ref")
    return None if reference is None else str(reference).removeprefix(REFERENCE)


def _reduced(value: Any, *, names_fields: bool = False) -> Any:
    if isinstance(value, list):
        return [_reduced(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, each in value.items():
        if not names_fields and (key in _LEFT_OUT or (key, each) == ("format", "uuid")):
            continue
        if not names_fields and key == "default" and _has_objects(each):
            continue  # the objects' own models have the same defaults, with their types; unset fields are not sent
        kept[key] = _reduced(each, names_fields=key == "properties" and not names_fields)
    return kept


def _has_objects(default: Any) -> bool:
    items = default if isinstance(default, list) else [default]
    return any(isinstance(item, dict) for item in items)


def _sent(document: Schema) -> set[str]:
    """Names of the schemas that request bodies consist of, nested ones included."""
    waiting = [schema for _, _, operation in operations(document) if (schema := body_schema(operation)) is not None]
    found: set[str] = set()
    while waiting:
        for name in references(waiting.pop()):
            if name not in found:
                found.add(name)
                waiting.append(document["components"]["schemas"][name])
    return found


def references(schema: Any) -> set[str]:
    """Names of all schemas that this one refers to."""
    text = json.dumps(schema)
    return {part.split('"', 1)[0] for part in text.split(f'"{REFERENCE}')[1:]}


def _widened(value: Any) -> Any:
    if isinstance(value, list):
        return [_widened(each) for each in value]
    if not isinstance(value, dict):
        return value
    if ("enum" in value or "const" in value) and value.get("type") == "string":
        return {"anyOf": [value, {"type": "string"}]}
    return {
        key: _widened(each)
        for key, each in value.items()
        if key != "propertyNames" and (key, each) != ("additionalProperties", False)
    }
