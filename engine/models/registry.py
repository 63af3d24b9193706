"""The registry of model families. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from engine.config.training import TaskName
from engine.errors import ModelError


@dataclass(frozen=True, slots=True)
class FamilyEntry:
    """A family of models that are loaded and trained by the same code."""

    module: str
    """Module that loads it; imported when it is used, with its libraries. See `engine.models.family`."""
    model_types: tuple[str, ...]
    """`model_type` in the config.json of its models."""
    tasks: tuple[TaskName, ...]
    """Tasks that it can be trained for."""


FAMILIES: Final[Mapping[str, FamilyEntry]] = {
    "whisper": FamilyEntry("engine.models.whisper", ("whisper",), ("speech_to_text",)),
}


def _known(name: str) -> str:
    if name not in FAMILIES:
        raise ValueError(f"no model family {name!r}; there are {', '.join(FAMILIES)}")
    return name


FamilyName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(FAMILIES)})]
"""Name of a model family."""


def family_of(config: Mapping[str, Any], source: str) -> str:
    """The family that a model's config.json names.

    Raises:
        ModelError: the config names no family, or one that this project cannot load.
    """
    kind = config.get("model_type")
    for name, entry in FAMILIES.items():
        if kind in entry.model_types:
            return name
    found = f"the model_type {kind!r}" if kind else "no model_type"
    known = ", ".join(kind for entry in FAMILIES.values() for kind in entry.model_types)
    raise ModelError(f"the config.json of {source} names {found}; models that can be used here: {known}")
