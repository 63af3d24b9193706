"""Values that fit a schema of the OpenAPI document, with every field filled in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
_PREFIX = "#/components/schemas/"
_SEVERAL = 4
"""Items of a list."""
_PLAIN = {"string": "x", "integer": 3, "number": 0.5, "boolean": True, "null": None}
_FORMATS = {"uuid": "5b1c0000-0000-4000-8000-000000000000", "date-time": "2026-01-01T00:00:00Z"}


def answer_of(name: str, /, **changes: Any) -> dict[str, Any]:
    """A whole answer of the API, with some fields as the test wants them."""
    value = Filler().fill({"$ref": f"{_PREFIX}{name}"})
    assert isinstance(value, dict)
    assert changes.keys() <= SCHEMAS[name]["properties"].keys(), changes
    return value | changes


class Filler:
    """Fills schemas: of what a union or an enumeration allows, what it has chosen least often so far."""

    def __init__(self) -> None:
        self._chosen: Counter[str] = Counter()
        self.seen: set[tuple[str, str]] = set()
        """Schema and field of everything that was filled in."""

    def fill(self, schema: Mapping[str, Any]) -> Any:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_PREFIX)
            self.seen |= {(name, field) for field in SCHEMAS[name].get("properties", {})}
            return self.fill(SCHEMAS[name])
        kinds = schema.get("anyOf") or schema.get("oneOf")
        if kinds:
            return self.fill(self._next(kinds))
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else schema["enum"]
            return self._next(values)
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        if schema.get("type") == "array":
            items = schema.get("prefixItems") or [schema.get("items", {"type": "string"})] * _SEVERAL
            return [self.fill(each) for each in items]
        if "properties" in schema:
            return {name: self.fill(each) for name, each in schema["properties"].items()}
        if schema.get("type") == "object":
            inner = schema.get("additionalProperties")
            names = schema.get("propertyNames", {}).get("enum")
            name = self._next(names) if names else "x"
            return {name: self.fill(inner)} if isinstance(inner, dict) else {name: 1}
        return _PLAIN[schema.get("type", "string")]

    def _next(self, allowed: Sequence[Any]) -> Any:
        fewest = min(allowed, key=lambda each: self._chosen[json.dumps([allowed, each])])
        self._chosen[json.dumps([allowed, fewest])] += 1
        return fewest


def reachable(name: str) -> set[tuple[str, str]]:
    """Schema and field of everything that a value of this schema can hold."""
    waiting, found = [name], set[str]()
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += _references(SCHEMAS[current])
    return {(each, field) for each in found for field in SCHEMAS[each].get("properties", {})}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "$ref":
                yield each.removeprefix(_PREFIX)
            else:
                yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
