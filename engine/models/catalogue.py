"""The catalogue of base models: `configs/models/*.yaml`. Imports no torch."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from engine.config.base import Config, parse, read_yaml
from engine.config.training import TaskName
from engine.errors import ModelError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
FamilyName = Literal["whisper"]
"""Families that `engine.models.family` can load."""
Line = Annotated[str, Field(min_length=1, max_length=200)]
SourceAddress = Annotated[str, Field(min_length=1, max_length=1000)]
Count = Annotated[int, Field(ge=1, lt=2**63)]
Languages = Annotated[list[Line], Field(max_length=200)]
Description = Annotated[str, Field(max_length=4000)]
Tasks = Annotated[list[TaskName], Field(min_length=1, max_length=20)]
BUNDLED = Path(__file__).resolve().parent / "bundled"


class ModelCard(Config):
    """What the catalogue says of a base model."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """Name that users give."""
    family: FamilyName
    """Model family that loads it."""
    title: Line
    """Name for people."""
    source: SourceAddress
    """`bundled:NAME` for weights in this repository, a folder, a hub id, or `s3://bucket/prefix`."""
    parameters: Count
    """Number of weights."""
    languages: Languages
    """Language codes that it knows."""
    licence: Line
    """SPDX licence id."""
    description: Description
    """What it is good for."""
    tasks: Tasks = ["speech_to_text"]
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


_local_copies: dict[str, Path] = {}


def use_local_copy(name: str, folder: Path) -> None:
    """Let `find_model(name)` find a folder of this machine; whoever calls it has fetched the files."""
    _local_copies[name] = folder


def find_model(name: str) -> ModelCard:
    """The card of a catalogue id; a folder, a hub id or what has a local copy gets a card of its own.

    Raises:
        ModelError: neither in the catalogue, nor a folder, nor a hub id.
    """
    cards = load_catalogue()
    for card in cards:
        if card.id == name:
            return card
    copy = _local_copies.get(name)
    if copy is not None or Path(name).is_dir() or name.count("/") == 1:
        return ModelCard.model_construct(
            id=Path(name).name.lower(),
            family="whisper",
            title=name,
            source=str(copy or name),
            parameters=1,
            languages=[],
            licence="unknown",
            description="",
            tasks=["speech_to_text"],
        )
    allowed = ", ".join(card.id for card in cards)
    raise ModelError(f"no model {name!r}; give one of {allowed}, a folder, or a hub id such as openai/whisper-tiny")
