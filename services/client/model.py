"""Base class of the API's models, and their conversion to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict

Fields: TypeAlias = Mapping[str, Any]
"""A model's fields by name, accepted in place of the model itself."""


class Model(BaseModel):
    """The body of a request or response; fields of a response that this client does not know are ignored."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), defer_build=True)


def as_json(value: Any) -> Any:
    """Convert a value to JSON types; of a model, only the fields that were set."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, Mapping):
        return {str(name): as_json(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(each) for each in value]
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
