"""The catalogue of base models: `configs/models/*.yaml`. Imports no torch."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt

from engine.config.base import Config, parse, read_yaml
from engine.errors import ModelError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
BUNDLED = Path(__file__).resolve().parent / "bundled"


class ModelCard(Config):
    """What the catalogue says of a base model."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """Name that users give."""
    family: str
    """Model family that loads it."""
    title: str
    """Name for people."""
    source: str
    """`bundled:NAME` for weights in this repository, a folder, or a hub id."""
    parameters: PositiveInt
    """Number of weights."""
    languages: list[str]
    """Language codes that it knows."""
    licence: str
    """SPDX licence id."""
    description: str
    """What it is good for."""
    tasks: list[str] = ["speech_to_text"]
    """Tasks that it can be fine-tuned for."""

    def location(self) -> str:
        """Folder or hub id that the family loads from."""
        kind, separator, name = self.source.partition(":")
        return str(BUNDLED / name) if separator and kind == "bundled" else self.source


@functools.cache
def load_catalogue(folder: Path = PROJECT_ROOT / "configs" / "models") -> tuple[ModelCard, ...]:
    """Every model card, by id.

    Raises:
        ConfigError: a card with faults.
    """
    cards = [parse(ModelCard, read_yaml(path)) for path in sorted(folder.glob("*.yaml"))]
    return tuple(sorted(cards, key=lambda card: card.id))


def find_model(name: str) -> ModelCard:
    """The card of a catalogue id; a folder or hub id that is not in the catalogue gets a card of its own.

    Raises:
        ModelError: neither in the catalogue, nor a folder, nor a hub id.
    """
    cards = load_catalogue()
    for card in cards:
        if card.id == name:
            return card
    if Path(name).is_dir() or name.count("/") == 1:
        return ModelCard.model_construct(
            id=Path(name).name.lower(),
            family="whisper",
            title=name,
            source=name,
            parameters=1,
            languages=[],
            licence="unknown",
            description="",
            tasks=["speech_to_text"],
        )
    allowed = ", ".join(card.id for card in cards)
    raise ModelError(f"no model {name!r}; give one of {allowed}, a folder, or a hub id such as openai/whisper-tiny")
