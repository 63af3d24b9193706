"""Configs: frozen pydantic models read from YAML, with all faults reported together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from engine.errors import MOST_FAULTS, ConfigError, Fault

ConfigT = TypeVar("ConfigT", bound=BaseModel)
Name = Annotated[str, Field(min_length=1, max_length=100)]
"""Name in a registry."""
_OF_A_KIND: Final = frozenset({"union_tag_invalid", "union_tag_not_found"})
_NAMES_A_CLASS: Final = frozenset({"model_type", "model_attributes_type", "dataclass_type", "is_instance_of"})
_SHOWN: Final = 300
MORE_FAULTS: Final = f"there are more faults than these {MOST_FAULTS}; correct them to see the others"


class Config(BaseModel):
    """Base of every config: frozen, no unknown fields, the docstring under a field is its description."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )


class DisagreementError(ValueError):
    """Raised by a config's validator: all faults between its fields, with paths relative to the config."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: the file does not exist, is not YAML, or does not hold a mapping.
    """
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError([Fault("", f"no config file at {path}; give the path of a YAML file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Fault("", f"cannot read {path}: {error}")]) from error
    except yaml.YAMLError as error:
        raise ConfigError([Fault("", f"{path} is not valid YAML: {error}")]) from error
    if not isinstance(loaded, dict):
        raise ConfigError([Fault("", f"{path} holds {type(loaded).__name__}; a config is a mapping of fields")])
    return loaded


def apply_overrides(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of `values` with `path=value` overrides applied (`training.max_steps=200`, `stages.0.name=x`).

    The value of an override is YAML; list items are numbered from 0.

    Raises:
        ConfigError: an override without `=`, or a path through something that is neither mapping nor list.
    """
    result = _copied(values)
    faults: list[Fault] = []
    for override in overrides:
        path, separator, raw = override.partition("=")
        keys = path.strip().split(".")
        if not separator or not all(keys):
            faults.append(Fault(override, "an override is written path=value, e.g. training.max_steps=200"))
            continue
        try:
            value = yaml.safe_load(raw)
        except yaml.YAMLError:
            faults.append(Fault(path, f"found {raw!r}, which is not a YAML value"))
            continue
        fault = _lay(result, keys, value)
        if fault:
            faults.append(Fault(path, fault))
    if faults:
        raise ConfigError(faults)
    return result


def _lay(node: Any, keys: Sequence[str], value: Any) -> str | None:
    """Set a value at a path of keys through mappings and (by index) lists; return a fault message, if any."""
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(node, list):
            if not key.isdecimal() or int(key) >= len(node):
                return f"{key!r} is none of the {len(node)} items of {'.'.join(keys[:depth])}, which count from 0"
            if last:
                node[int(key)] = value
            else:
                node = node[int(key)]
        elif isinstance(node, dict):
            if last:
                node[key] = value
            else:
                node = node.setdefault(key, {})
        else:
            return f"{keys[depth - 1]} holds {node!r}, not a group of fields"
    return None


def parse(model: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Parse `values` as `model`, with all faults reported together.

    Raises:
        ConfigError: one fault for each faulty field: its path, what was found, what is allowed; at most `MOST_FAULTS`.
    """
    faults: dict[Fault, None] = {}
    dropped: set[str] = set()
    remaining = _copied(values)
    while True:
        try:
            parsed = model.model_validate(remaining)
        except ValidationError as error:
            # A required field that was dropped is now missing, which is not a fault of the values.
            found = error.errors(include_url=False)[: MOST_FAULTS + 1]
            told = faults_of(found, remaining)
            new = [fault for fault in told if fault not in faults and fault.path not in dropped]
            faults.update(dict.fromkeys(new))
            if len(faults) > MOST_FAULTS:
                raise ConfigError([*list(faults)[:MOST_FAULTS], Fault("", MORE_FAULTS)]) from None
            # Checks between fields run only if the fields themselves are valid: drop the faulty ones and validate again.
            drops = [_drop(remaining, item) for item in found if item["type"] != "missing"]
            dropped |= {path for path in drops if path}
            if new and any(drops):
                continue
        else:
            if not faults:
                return parsed
        raise ConfigError(faults)


def faults_of(errors: Iterable[ErrorDetails], values: Mapping[str, Any]) -> list[Fault]:
    """Each of pydantic's errors as a dotted path into `values` and a message with the value found."""
    faults = []
    for item in errors:
        path = [str(part) for part in _path_in(values, item["loc"], ends_in_field=item["type"] != "value_error")]
        path += kind_field_of(item)
        between = item.get("ctx", {}).get("error")
        if isinstance(between, DisagreementError):
            faults += [Fault(".".join([*path, fault.path]), fault.message) for fault in between.faults]
            continue
        message = message_of(item)
        if item["type"] == "extra_forbidden":
            message = "no such field; see `lim schema` for the fields that exist"
        elif item["type"] != "missing" and not isinstance(item["input"], dict | BaseModel):
            message = f"{message}; found {shortened(item['input'])}"
        faults.append(Fault(".".join(path), message))
    return faults


def kind_field_of(error: ErrorDetails) -> list[str]:
    """The rest of an error's path where the field that says which kind an object is, such as `type`, is missing or wrong."""
    return [error["ctx"]["discriminator"].strip("'")] if error["type"] in _OF_A_KIND else []


def message_of(error: ErrorDetails) -> str:
    """Pydantic's message for an error, without the names of our classes and of its own."""
    if error["type"] in _NAMES_A_CLASS:
        return "Input should be an object"
    if error["type"] == "union_tag_not_found":
        return "Field required: it says which kind this is, and so which other fields it has"
    if error["type"] == "union_tag_invalid":
        return f"Input should be one of {error['ctx']['expected_tags']}; found {shortened(error['ctx']['tag'])}"
    return error["msg"].removeprefix("Value error, ")


def shortened(found: Any) -> str:
    """A value, shortened for a message."""
    text = repr(found[:_SHOWN] if isinstance(found, str | list | tuple) else found)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _path_in(
    values: Mapping[str, Any], location: tuple[int | str, ...], *, ends_in_field: bool = True
) -> list[int | str]:
    """An error's location without the union tags that pydantic adds and the values do not have.

    The last part may be a missing field, unless the error is between fields.
    """
    path: list[int | str] = []
    node: Any = values
    for depth, part in enumerate(location):
        may_be_missing = ends_in_field and depth == len(location) - 1
        if isinstance(node, Mapping) and part not in node and not may_be_missing:
            continue
        path.append(part)
        if isinstance(node, list):
            node = node[part] if isinstance(part, int) and part < len(node) else None
        else:
            node = node.get(part) if isinstance(node, Mapping) else None
    return path


def _drop(values: dict[str, Any], error: ErrorDetails) -> str:
    """Remove the field at an error's location from `values`; return its path, or an empty string if there is none."""
    node: Any = values
    location = _path_in(values, error["loc"], ends_in_field=error["type"] != "value_error")
    path = [part for part in location if isinstance(part, str)]
    for part in path[:-1]:
        node = node.get(part) if isinstance(node, dict) else None
    if not path or not isinstance(node, dict) or path[-1] not in node:
        return ""
    del node[path[-1]]
    return ".".join(path)


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) for key, value in values.items()}


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _copied(value)
    return [_copy(item) for item in value] if isinstance(value, list) else value
