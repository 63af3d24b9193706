"""The code of one method for each operation of the OpenAPI document.

A method takes the path's parameters, then the body's required fields, by position or by name; everything else by name.
It returns the model of the response, `Pages` of a list's items, the `Content` of a file, or events.
"""

from __future__ import annotations

import json
import keyword
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.client.generator.document import Schema, body_schema, named, operations

_HEAD: Final = '''
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from ..connection import Connection
from ..content import Content
from ..events import Event
from ..model import Fields
from ..pages import Pages
from ..unset import UNSET, Unset
from . import models


class Operations(Connection):
    """Every operation of the API, named as in the OpenAPI document."""
'''
_PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_KEY: Final = "Idempotency-Key"
OF_BROWSERS: Final = frozenset({"X-LIM-Session"})
"""Headers for web pages, whose browser keeps cookies; this client keeps tokens itself."""
_PLACES: Final = {"path": "path_values", "query": "query", "header": "header", "body": "body"}
"""Where an argument is sent, and the parameter of `Connection` for that place."""


@dataclass(frozen=True, slots=True)
class _Argument:
    name: str
    """Name in Python."""
    sent_as: str
    """Name in the request."""
    place: str
    """`path`, `query`, `header` or `body`."""
    type: str
    required: bool
    description: str


def operations_module(document: Schema) -> str:
    """Source code of the module `operations.py`."""
    schemas = document["components"]["schemas"]
    found = sorted(operations(document), key=lambda each: str(each[2]["operationId"]))
    return _HEAD + "".join(_method(schemas, *each) for each in found)


def _method(schemas: Schema, method: str, path: str, operation: Schema) -> str:
    arguments = [*_parameters(operation), *_fields(schemas, operation)]
    names = [argument.name for argument in arguments]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"{operation['operationId']} would take {', '.join(sorted(repeated))} twice")
    returned, call = _answer(schemas, operation)
    positional = [each for each in arguments if each.required and each.place in {"path", "body"}]
    positional.sort(key=lambda each: each.place != "path")
    others = sorted(
        (each for each in arguments if each not in positional), key=lambda each: (not each.required, each.place)
    )
    signature = ["self", *(f"{each.name}: {each.type}" for each in positional)]
    if others:
        signature.append("*")
        signature += [
            f"{each.name}: {each.type}" if each.required else f"{each.name}: {each.type} | Unset = UNSET"
            for each in others
        ]
    given = [f'"{method}"', json.dumps(path)]
    for place, given_as in _PLACES.items():
        pairs = [f"{json.dumps(each.sent_as)}: {each.name}" for each in arguments if each.place == place]
        if pairs or (place == "body" and body_schema(operation) is not None):
            given.append(f"{given_as}={{{', '.join(pairs)}}}")
    if not operation.get("security"):
        given.append("signed=False")
    if any(each.sent_as == _KEY for each in arguments):
        given.append("creates=True")
    also = [code for code in operation["responses"] if int(code) >= 300 and _is_answer(operation, code)]
    if also:
        given.append(f"answers=({', '.join(also)},)")
    code = f"def {operation['operationId']}({', '.join(signature)}) -> {returned}:\n"
    code += textwrap.indent(_docstring(method, path, operation, [*positional, *others]), "    ")
    code += f"    return {call.format(', '.join(given))}\n"
    return "\n" + textwrap.indent(code, "    ")


def _parameters(operation: Schema) -> Iterator[_Argument]:
    for parameter in operation.get("parameters", []):
        if parameter["name"] in OF_BROWSERS:
            continue
        yield _Argument(
            name=_python_name(parameter["name"]),
            sent_as=parameter["name"],
            place=parameter["in"],
            type=_type(_without_null(parameter["schema"])),
            required=bool(parameter.get("required")),
            description=parameter.get("description") or parameter["schema"].get("description", ""),
        )


def _fields(schemas: Schema, operation: Schema) -> Iterator[_Argument]:
    """The fields of the body: first the required ones, in the document's order."""
    body = body_schema(operation)
    if body is None:
        return
    name = named(body)
    if name is None or "properties" not in schemas[name]:
        raise ValueError(f"{operation['operationId']} takes a body that is no object with named fields")
    properties, required = schemas[name]["properties"], schemas[name].get("required", [])
    for field in [*required, *(field for field in properties if field not in required)]:
        yield _Argument(
            name=_python_name(field),
            sent_as=field,
            place="body",
            type=_type(properties[field]),
            required=field in required,
            description=properties[field].get("description", ""),
        )


def _answer(schemas: Schema, operation: Schema) -> tuple[str, str]:
    """What the method returns, and the call that it makes, with `{}` for the arguments."""
    good = min(code for code in operation["responses"] if code.startswith("2"))  # 206 is a part of what 200 is
    content: Mapping[str, Any] = operation["responses"][good].get("content", {})
    if not content:
        return "None", "self._nothing({})"
    [(kind, media)] = content.items()
    if kind == "text/event-stream":
        return "Iterator[Event]", "self._events({})"
    if kind != "application/json":
        return "Content", "self._content({})"
    name = named(media["schema"])
    if name is None:
        return "dict[str, Any]", "self._object({})"
    fields = schemas[name].get("properties", {})
    model = f"models.{_class_name(name)}"
    if {"items", "next_cursor"} <= fields.keys():
        item = _class_name(named(fields["items"]["items"]) or "")
        return f"Pages[models.{item}, {model}]", f"self._pages({model}, {{}})"
    return model, f"self._model({model}, {{}})"


def _is_answer(operation: Schema, code: str) -> bool:
    """Whether a response with this status is a regular one rather than a problem document."""
    return "application/json" in operation["responses"][code].get("content", {})


def _docstring(method: str, path: str, operation: Schema, arguments: list[_Argument]) -> str:
    told = operation.get("description") or operation.get("summary", "")
    lines = textwrap.wrap(f'"""{told.strip()}', 105)
    lines += ["", f"`{method} {path}`"]
    described = [each for each in arguments if each.description]
    if described:
        lines += ["", "Args:"]
        for each in described:
            text = " ".join(each.description.split())
            lines += textwrap.wrap(f"    {each.name}: {text}", 105, subsequent_indent="        ")
    return "\n".join([*lines, '"""', ""]).replace("\\", "\\\\")


def _type(schema: Schema) -> str:
    """The type of an argument."""
    return " | ".join(dict.fromkeys(_types(schema)))


def _types(schema: Schema) -> Iterator[str]:
    """The types that a value may have; a mapping of its fields is accepted in place of a model."""
    name = named(schema)
    union = schema.get("anyOf") or schema.get("oneOf")
    kind = schema.get("type")
    if name is not None:
        yield f"models.{_class_name(name)}"
        yield "Fields"
    elif union:
        for each in union:
            yield from _types(each)
    elif "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        yield f"Literal[{', '.join(map(repr, values))}]"
    elif schema.get("format") == "date-time":
        yield from ("datetime", "str")
    elif kind == "array":
        yield f"Sequence[{_type(schema.get('items', {}))}]"
    elif kind == "object":
        yield "Fields"
    else:
        yield _PLAIN.get(str(kind), "Any")


def _without_null(schema: Schema) -> Schema:
    """The schema of a parameter without null: `UNSET` already says that it may be left out."""
    if "anyOf" not in schema:
        return schema
    kinds = [each for each in schema["anyOf"] if each.get("type") != "null"]
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _class_name(name: str) -> str:
    """The class name that datamodel-code-generator gives a schema."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9a-zA-Z]+", name))


def _python_name(name: str) -> str:
    plain = re.sub(r"\W", "_", name).lower() if "-" in name else name
    return f"{plain}_" if keyword.iskeyword(plain) else plain
