"""Read and write the training config in an adapter's folder, and read the name of its base model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from engine.config.training import TrainingConfig
from engine.errors import ModelError
from engine.families.contract import TargetSpace
from engine.models.catalogue import reference_to
from engine.models.reference import ModelReference

_SETTINGS: Final = "training_config.json"
_SPACE: Final = "target_space.json"
EARLIER_LANGUAGE: Final = "en"
"""Language of adapters for multilingual models from versions that did not store a language in the settings."""


def read_settings(adapter: Path) -> TrainingConfig | None:
    """The config that an adapter was trained with, resolved for its base; None if other software made the adapter.

    Raises:
        ModelError: the file is not a training config.
    """
    path = adapter / _SETTINGS
    if not path.is_file():
        return None
    try:
        return TrainingConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"{path} is no training config of this version: {place}: {first['msg']}; an adapter of a newer version "
            "needs that version"
        ) from error


def write_settings(adapter: Path, config: TrainingConfig, space: TargetSpace) -> None:
    """Write a training config into its adapter's folder, and what a new head gives; plain peft ignores both files."""
    (adapter / _SETTINGS).write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if space != TargetSpace():
        values = {name: value for name, value in dataclasses.asdict(space).items() if value}
        (adapter / _SPACE).write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_space(adapter: Path) -> TargetSpace:
    """What the head of an adapter gives; nothing if it has no head of its own.

    Raises:
        ModelError: the file is not readable.
    """
    path = adapter / _SPACE
    if not path.is_file():
        return TargetSpace()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        found = {name: tuple(map(str, value)) for name, value in values.items()}
        return TargetSpace(**found)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not what an adapter's head gives: {error}; take the whole folder") from error


def base_of(adapter: Path) -> ModelReference:
    """The base model that an adapter names, at the commit that it was trained on if that is recorded.

    Raises:
        ModelError: the folder has no adapter, the adapter names no base, or the base is not found.
    """
    try:
        config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
        name, revision = config["base_model_name_or_path"], config.get("revision")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(f"no readable adapter_config.json in {adapter}; give the folder of an adapter") from error
    if not isinstance(name, str) or not name.strip():
        raise ModelError(f"the adapter in {adapter} names no base model; give one with --model")
    return reference_to(name, revision if isinstance(revision, str) else None)
