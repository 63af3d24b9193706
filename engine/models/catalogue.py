"""The catalogue of base models: `configs/models/*.yaml`. Does not import torch."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from engine.config.base import Config, DisagreementError, parse, read_yaml
from engine.config.context import TrainedContext
from engine.config.tasks.registry import TaskName
from engine.errors import Fault, ModelError
from engine.families.registry import FAMILIES, FamilyName, family_of
from engine.models.reference import ModelReference, Revision, SourceAddress, is_hub_id, local_copy

PROJECT_ROOT = Path(__file__).resolve().parents[2]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[int, Field(ge=1, lt=2**63)]
Languages = Annotated[list[Line], Field(max_length=200)]
Description = Annotated[str, Field(max_length=4000)]
Tasks = Annotated[list[TaskName], Field(min_length=1, max_length=20)]
CONTEXT_KEY = "audio_context"
"""Key in config.json: `short` if the model was trained on the audio's frames without padding to a whole window."""


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
    revision: Revision | None = None
    """Commit of a hub model, 40 hexadecimal digits, so that every job starts from the same weights."""
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

    @model_validator(mode="after")
    def _family_does_the_tasks(self) -> ModelCard:
        if faults := task_faults(self.family, self.tasks):
            raise DisagreementError(faults)
        return self

    def reference(self) -> ModelReference:
        """The reference that a job carries."""
        return ModelReference(id=self.id, source=self.source, family=self.family, revision=self.revision)

    def location(self) -> str:
        """Folder or hub id that the family loads from."""
        return self.reference().location()


def task_faults(family: str, tasks: Sequence[str]) -> list[Fault]:
    """Faults of tasks that a family cannot be trained for."""
    known = FAMILIES[family].tasks
    missing = [task for task in tasks if task not in known]
    if not missing:
        return []
    return [Fault("tasks", f"found {', '.join(missing)}, which {family} models do not do; they do {', '.join(known)}")]


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


def trained_context(config: Mapping[str, Any]) -> TrainedContext:
    """The audio context that a model was trained in, from its config."""
    return "short" if config.get(CONTEXT_KEY) == "short" else "full"


def find_model(name: str, revision: str | None = None) -> ModelCard:
    """The card of a catalogue id. A folder, a hub id or an address whose files were fetched gets a new card.

    The family of a model outside the catalogue is what its config.json says; that of a hub model is fetched.

    Args:
        name: of the model.
        revision: commit of a hub model; None: the newest.

    Raises:
        ModelError: the name is neither a catalogue id, a folder nor a hub id, or it holds no model of a known family.
    """
    cards = load_catalogue()
    for card in cards:
        if card.id == name:
            return card
    folder = local_copy(name) or Path(name)
    if folder.is_dir():
        config = read_model_config(folder)
    elif is_hub_id(name):
        config, revision = _hub_config(name, revision)
    else:
        allowed = ", ".join(card.id for card in cards)
        raise ModelError(f"no model {name!r}; give one of {allowed}, a folder, or a hub id such as openai/whisper-tiny")
    family = family_of(config, name)
    return ModelCard.model_construct(
        id=Path(name).name.lower(),
        family=family,
        title=name,
        source=name,
        revision=revision,
        parameters=1,
        languages=[],
        licence="unknown",
        description="",
        tasks=list(FAMILIES[family].tasks),
    )


def reference_to(model: str | ModelReference, revision: str | None = None) -> ModelReference:
    """The reference to a model that is named, as `find_model` finds it; a reference is returned as it is.

    Raises:
        ModelError: as `find_model`.
    """
    if isinstance(model, ModelReference):
        return model
    card = find_model(model, revision)
    return ModelReference(id=model, source=card.source, family=card.family, revision=card.revision)


def _hub_config(name: str, revision: str | None) -> tuple[dict[str, Any], str]:
    """The config.json of a hub model, and its commit; fetched with `HF_TOKEN`, if that is set."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        folder = Path(hf_hub_download(name, "config.json", revision=revision)).parent  # named after the commit
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise ModelError(
            f"the model {name!r} cannot be fetched from the hub: {error}. Give a folder with config.json and "
            "model.safetensors, or a hub id that can be reached; a private one needs HF_TOKEN"
        ) from error
    return read_model_config(folder), folder.name
