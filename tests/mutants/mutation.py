"""Removing the effect of a field: the product reads its neutral value, whatever the config says.

The value in the config stays what it is: files, fingerprints and the schema's own checks see it. Only the product's
code that acts on it is misled, and only in this process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tests.mutants.fields import Mutant, type_values

_ROOT = Path(__file__).resolve().parents[2]
PRODUCT = tuple(str(_ROOT / floor) for floor in ("engine", "cluster", "tuning", "services"))
"""Code that is misled."""
SCHEMA = (str(_ROOT / "engine" / "config"), str(_ROOT / "cluster" / "config.py"))
"""Code that checks configs, and is not."""


@dataclass
class Reads:
    """How often the product was misled."""

    count: int = 0


def remove_effect(mutant: Mutant, misled: Sequence[str] = PRODUCT, spared: Sequence[str] = SCHEMA) -> Reads:
    """Make code in files below `misled`, and not below `spared`, read the neutral value; for the rest of the process."""
    reads, name = Reads(), mutant.name
    replaced = _replacing(mutant)

    def read(config: BaseModel) -> Any:
        value = config.__dict__[name]
        frame = sys._getframe(1)
        while isinstance(getattr(type(config), frame.f_code.co_name, None), property) and frame.f_back is not None:
            frame = frame.f_back  # a property of the config answers for whoever reads it
        reader = frame.f_code.co_filename
        if not reader.startswith(tuple(misled)) or reader.startswith(tuple(spared)):
            return value
        neutral = replaced(value)
        reads.count += neutral != value
        return neutral

    # A property of the class comes before what pydantic keeps in the object.
    setattr(mutant.owner, name, property(read))
    return reads


def _replacing(mutant: Mutant) -> Callable[[Any], Any]:
    if mutant.variants:
        return lambda group: _of_another_type(group, mutant) if group.type == mutant.value else group
    if mutant.value is not None:
        return lambda value: mutant.neutral if value == mutant.value else value
    return lambda _: mutant.neutral


def _of_another_type(group: BaseModel, mutant: Mutant) -> BaseModel:
    """The group of fields with the neutral `type`, and of the other fields those that it has too."""
    variant = next(variant for variant in mutant.variants if mutant.neutral in type_values(variant))
    shared = variant.model_fields.keys() & type(group).model_fields.keys() - {"type"}
    return variant(**{name: group.__dict__[name] for name in shared}, type=mutant.neutral)
