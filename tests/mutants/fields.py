"""Every mutant of a config schema: a field, or one value of a field, whose effect can be removed.

A field of numbers, texts or yes and no is one mutant. A field that chooses between named values, or between groups of
fields by their `type`, has a mutant for each value.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

Schema = type[BaseModel]


@dataclass(frozen=True)
class Mutant:
    """A field of a config class that always reads as something else: whole, or only where it has one value."""

    key: str
    """Dotted path from the top; the class behind it where several declare such a field; `=value` for one value."""
    owner: Schema
    """The class that declares the field."""
    name: str
    neutral: Any
    """What it reads as by default: the schema's default, or for that one value another."""
    value: Any = None
    """The one value that is removed; None: all."""
    variants: tuple[Schema, ...] = ()
    """Of a union: its classes; `value` and `neutral` are then values of their `type`."""


def mutants(schema: Schema) -> dict[str, Mutant]:
    """All mutants of a schema, by key."""
    found: dict[tuple[Schema, str], tuple[str, Any]] = {}
    for path, owner, name in _fields(schema, ""):
        found.setdefault((owner, name), (path, owner.model_fields[name]))
    paths = [path for path, _ in found.values()]
    made: dict[str, Mutant] = {}
    for (owner, name), (path, field) in found.items():
        unique = path if paths.count(path) == 1 else f"{path}[{owner.__name__}]"
        for mutant in _of_field(unique, owner, name, field):
            made[mutant.key] = mutant
    return made


def _fields(schema: Schema, prefix: str) -> Iterator[tuple[str, Schema, str]]:
    """Path, declaring class and name of every field below a schema."""
    for name, field in schema.model_fields.items():
        path = f"{prefix}{name}"
        groups = groups_in(field.annotation)
        if groups and len(groups) == 1:
            yield from _fields(groups[0], f"{path}.")
        elif groups:
            yield path, _declaring(schema, name), name
            for group in groups:
                yield from _fields(group, f"{path}.")
        elif name != "type":  # of a group: said by the union that it is part of
            yield path, _declaring(schema, name), name


def _of_field(path: str, owner: Schema, name: str, field: Any) -> Iterator[Mutant]:
    variants = groups_in(field.annotation)
    default = field.get_default(call_default_factory=True)
    values: tuple[Any, ...] = ()
    if variants:
        path, default = f"{path}.type", default.type
        values = tuple(value for variant in variants for value in type_values(variant))
    elif get_origin(field.annotation) is Literal:
        values = get_args(field.annotation)
    if not values:
        yield Mutant(path, owner, name, default)
        return
    for value in values:
        neutral = default if value != default else next(other for other in values if other != value)
        yield Mutant(f"{path}={value}", owner, name, neutral, value, variants)


def type_values(variant: Schema) -> tuple[Any, ...]:
    """The values of `type` that choose a class of a union."""
    return get_args(variant.model_fields["type"].annotation)


def groups_in(annotation: Any) -> tuple[Schema, ...]:
    """The config classes that a field can hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    origin = get_origin(annotation)
    if origin is Annotated:
        return groups_in(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(group for part in get_args(annotation) for group in groups_in(part))
    return ()


def _declaring(schema: Schema, name: str) -> Schema:
    """The class, this one or a base of it, whose body has the field."""
    return next(base for base in schema.__mro__ if issubclass(base, BaseModel) and name in base.__annotations__)


def with_neutral(mutant: Mutant, table: Mapping[str, Any]) -> Mutant:
    """The mutant with the neutral value that the table of killing tests gives it, if it does."""
    if "neutral" not in table:
        return mutant
    return Mutant(mutant.key, mutant.owner, mutant.name, table["neutral"], mutant.value, mutant.variants)
