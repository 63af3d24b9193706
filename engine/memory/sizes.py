"""Sizes of a base model that determine its memory: its own, or those of a published one. Does not import torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.config.context import TrainedContext
from engine.errors import ModelError
from engine.families.costing import model_values
from engine.families.memory import base_weights, memory_module
from engine.families.registry import FAMILIES
from engine.models.catalogue import ModelCard, trained_context


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a model's memory depends on."""

    family: str
    values: Mapping[str, Any]
    """Its config.json, with the settings of its `feature_extractor`."""
    exact: bool = True
    """Whether they are the model's own; otherwise those of the published model of the nearest size."""
    file_bytes: int | None = None
    """Size of its weights' files; None: unknown, taken as float32."""
    vocabulary_bytes: int = 4_000_000
    """Size of its tokenizer's files, by default that of a published model's."""

    @property
    def trained_context(self) -> TrainedContext:
        """The context that the model was trained in."""
        return trained_context(self.values)

    @property
    def linear_and_other(self) -> tuple[int, int]:
        """Number of weights in linear layers, which can be kept in 4 bits, and of all others."""
        return base_weights(self.values, self.family, FAMILIES[self.family].tasks[0])

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(self.linear_and_other)


_VOCABULARY_FILES: Final = ("tokenizer.json", "tekken.json", "vocab.json", "merges.txt")


def sizes_of(card: ModelCard) -> Sizes:
    """Sizes of a catalogue model: from its files if they are on this machine, else those of its like.

    Raises:
        ModelError: its `config.json` cannot be used.
    """
    folder = Path(card.location())
    if not (folder / "config.json").is_file():
        plain = ({"model_type": FAMILIES[card.family].model_types[0]},)  # with transformers' defaults
        published = memory_module(card.family, FAMILIES[card.family].tasks[0]).PUBLISHED.get(card.family, plain)
        likes = [Sizes(card.family, values, exact=False) for values in published]
        return min(likes, key=lambda like: abs(math.log(like.parameters / card.parameters)))
    files = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    vocabulary = sum((folder / name).stat().st_size for name in _VOCABULARY_FILES if (folder / name).is_file())
    sizes = Sizes(card.family, model_values(card.reference()), True, files or None, vocabulary)
    try:
        _ = sizes.parameters
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelError(f"the config.json in {folder} lacks the sizes of the model: {error!r}") from error
    return sizes
