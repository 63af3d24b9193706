"""What an adapter's folder says beside its weights: the config that it was trained with, and its base model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from engine.config.training import TrainingConfig
from engine.errors import ModelError

_SETTINGS: Final = "training_config.json"
EARLIER_LANGUAGE: Final = "en"
"""What multilingual models were told by versions that wrote no language into the settings."""


def read_settings(adapter: Path) -> TrainingConfig | None:
    """The config that an adapter was trained with, resolved for its base; None: it was made elsewhere.

    Raises:
        ModelError: a file there that is no such config.
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


def write_settings(adapter: Path, config: TrainingConfig) -> None:
    """Keep a training config beside its adapter, where plain peft does not look."""
    (adapter / _SETTINGS).write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")


def base_of(adapter: Path) -> str:
    """The base model that an adapter names.

    Raises:
        ModelError: no adapter there, or one that names none.
    """
    try:
        name = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"no readable adapter_config.json in {adapter}; give the folder of an adapter") from error
    if not isinstance(name, str) or not name.strip():
        raise ModelError(f"the adapter in {adapter} names no base model; give one with --model")
    return name
