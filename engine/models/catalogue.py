"""The catalogue of base models: `configs/models/*.yaml`. Does not import torch."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from engine.config.base import Config, parse, read_yaml
from engine.config.context import TrainedContext
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
CONTEXT_KEY = "audio_context"
"""Key in config.json: `short` if the model was trained on the audio's frames without padding to a whole window."""
BUNDLED = Path(__file__).resolve().parent / "bundled"


class ModelCard(Config):
    """A base model's entry in the catalogue."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """Name by which users select the model."""
    family: FamilyName
    """Model family that loads it."""
    title: Line
    """Display name."""
    source: SourceAddress
    """`bundled:NAME` for weights in this repository, a folder, a hub id, or `s3://bucket/prefix`."""
    parameters: Count
    """Number of weights."""
    languages: Languages
    """Codes of the model's languages."""
    licence: Line
    """SPDX licence id."""
    description: Description
    """What the model is good for."""
    tasks: Tasks = ["speech_to_text"]
    """Tasks that it can be fine-tuned for."""

    def location(self) -> str:
        """Folder or hub id that the family loads from."""
        kind, separator, name = self.source.partition(":")
        return str(BUNDLED / name) if separator and kind == "bundled" else self.source


@functools.cache
def load_catalogue(folder: Path = PROJECT_ROOT / "configs" / "models") -> tuple[ModelCard, ...]:
    """All model cards, sorted by id.

    Raises:
        ConfigError: a card is invalid.
    """
    cards = [parse(ModelCard, read_yaml(path)) for path in sorted(folder.glob("*.yaml"))]
    return tuple(sorted(cards, key=lambda card: card.id))


def read_model_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a model's folder.

    Raises:
        ModelError: the file is missing or is not a mapping.
    """
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{folder} holds no config.json; a model's folder has config.json and model.safetensors, as "
            "`save_pretrained` of transformers writes them"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} holds {type(values).__name__}; a model's config is a mapping")
    return values


def family_of(config: Mapping[str, Any], source: str) -> FamilyName:
    """The family that a model's config names.

    Raises:
        ModelError: the config names no family, or a family that this project cannot load.
    """
    kind = config.get("model_type")
    allowed: tuple[FamilyName, ...] = get_args(FamilyName)
    for family in allowed:
        if kind == family:
            return family
    found = f"the model_type {kind!r}" if kind else "no model_type"
    raise ModelError(f"the config.json of {source} names {found}; models that can be used here: {', '.join(allowed)}")


def trained_context(config: Mapping[str, Any]) -> TrainedContext:
    """The audio context that a model was trained in, from its config."""
    return "short" if config.get(CONTEXT_KEY) == "short" else "full"


_local_copies: dict[str, Path] = {}


def use_local_copy(name: str, folder: Path) -> None:
    """Make `find_model(name)` return a local folder, whose files the caller has fetched."""
    _local_copies[name] = folder


def find_model(name: str) -> ModelCard:
    """The card of a catalogue id. A folder, a hub id or a name with a local copy gets a new card.

    Raises:
        ModelError: the name is neither a catalogue id, a folder nor a hub id, or the folder holds no model of a known
            family.
    """
    cards = load_catalogue()
    for card in cards:
        if card.id == name:
            return card
    source = str(_local_copies.get(name, name))
    here = Path(source).is_dir()
    if here or name.count("/") == 1:
        return ModelCard.model_construct(
            id=Path(name).name.lower(),
            # The family of a hub id is checked once its config has been fetched.
            family=family_of(read_model_config(Path(source)), name) if here else "whisper",
            title=name,
            source=source,
            parameters=1,
            languages=[],
            licence="unknown",
            description="",
            tasks=["speech_to_text"],
        )
    allowed = ", ".join(card.id for card in cards)
    raise ModelError(f"no model {name!r}; give one of {allowed}, a folder, or a hub id such as openai/whisper-tiny")
