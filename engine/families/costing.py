"""What the examples of a family cost, known without its model: for estimates. Does not import torch.

Beside the module of a family that loads a model for a task, a module `costs` has the function `costing`.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from engine.config.training import TrainingConfig
from engine.errors import ModelError
from engine.families.registry import FAMILIES
from engine.models.catalogue import read_model_config
from engine.models.reference import ModelReference


@dataclass(frozen=True, slots=True)
class Costing:
    """Costs of an example by its length, in the unit of both; a learner's `costs` and `padded_costs` are the same."""

    unit: str
    """The learner's `cost_unit`."""
    own: Callable[[float], float]
    """Cost without padding."""
    padded: Callable[[float], float]
    """Cost in a batch of such examples, padding included."""
    whole_window_share: float = 0.0
    """Share of the training examples that are padded to the model's whole window."""
    whole_window_cost: float = 0.0
    """Cost of such an example."""

    def trained(self, length: float) -> float:
        """Mean cost of an example in training: padded, or to the whole window."""
        whole = self.whole_window_share
        return (1 - whole) * self.padded(length) + whole * self.whole_window_cost


class CostsModule(Protocol):
    """A module `costs` of a family."""

    def costing(self, config: TrainingConfig, model: Mapping[str, Any], targets: float) -> Costing:
        """What examples cost.

        Args:
            config: of the run.
            model: its config.json, with the settings of its `feature_extractor`; only the `model_type` if the model is not on this machine.
            targets: mean number of targets of an example, such as captions of a recording.
        """
        ...


def costing_of(model: ModelReference, config: TrainingConfig, targets: float = 1.0) -> Costing:
    """What the examples of a run cost; see `CostsModule`.

    Raises:
        ModelError: the model's `config.json` cannot be used.
    """
    values = model_values(model)
    try:
        return costs_module(model.family, config.task.type).costing(config, values, targets)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the config.json of {model.id} is not one of a {model.family} model: {error!r}") from error


def costs_module(family: str, task: str) -> CostsModule:
    """The module `costs` of a family for a task."""
    package = FAMILIES[family].modules[task].rpartition(".")[0]
    return cast(CostsModule, importlib.import_module(f"{package}.costs"))


def model_values(model: ModelReference) -> dict[str, Any]:
    """A model's config.json, with its feature extractor's settings; only the `model_type` if it is not on this machine.

    Raises:
        ModelError: the file cannot be read.
    """
    folder = Path(model.location())
    if not (folder / "config.json").is_file():
        return {"model_type": FAMILIES[model.family].model_types[0]}
    values = read_model_config(folder)
    # transformers writes the settings into the first file, and before version 5 into the second.
    for path in (folder / "processor_config.json", folder / "preprocessor_config.json"):
        if path.is_file():
            settings = json.loads(path.read_text(encoding="utf-8"))
            values["feature_extractor"] = settings.get("feature_extractor", settings)
    return values
