"""Presets: named training configs to start from. Imports neither torch nor Ray."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from engine.config.base import Config, parse, read_yaml
from engine.config.tasks.registry import TaskName
from engine.config.training import TrainingConfig

FOLDER: Final = Path(__file__).resolve().parents[2] / "configs" / "presets"


class Preset(Config):
    """A start for a training config: only the fields that differ from the defaults."""

    title: Annotated[str, Field(min_length=1, max_length=40)]
    """For people."""
    description: Annotated[str, Field(min_length=1, max_length=300)]
    """When to take it, and what it costs."""
    tasks: Annotated[list[TaskName], Field(min_length=1, max_length=20)]
    """Tasks that it is for."""
    config: Annotated[dict[Annotated[str, Field(max_length=100)], Any], Field(max_length=50)]
    """Fields of a training config; without `task`, which comes from the data."""

    @model_validator(mode="after")
    def _config_is_valid(self) -> Preset:
        for task in self.tasks:
            TrainingConfig.model_validate({**self.config, "task": {"type": task}})
        return self


@functools.cache
def presets(folder: Path = FOLDER) -> dict[str, Preset]:
    """The presets by name, from the cheapest to the most expensive.

    Raises:
        ConfigError: a file is invalid.
    """
    found = {path.stem: parse(Preset, read_yaml(path)) for path in sorted(folder.glob("*.yaml"))}
    return dict(sorted(found.items(), key=lambda each: _length(each[1])))


def _length(preset: Preset) -> tuple[float, float]:
    """How long a preset trains: epochs are longer than a number of steps."""
    return float(preset.config.get("epochs", 0)), float(preset.config.get("max_steps", 0))
