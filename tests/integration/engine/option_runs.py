"""Runs of the training stage on a tiny model, for tests that look at what an option does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from engine.config.training import TrainingConfig
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.finetune import finetune

SHORT: dict[str, Any] = {
    "max_steps": 2,
    "log_every_steps": 1,
    "method": {"type": "lora", "rank": 4},
    "batch": {"cost": 6, "micro_batch_cost": 6},
    "split": {"test_groups": ["s2"]},
    "task": {"max_new_tokens": 4},
    "evaluation": {"base": False},
}


@dataclass
class Trained:
    """What a run left."""

    result: RunResult
    sink: MemorySink
    folder: Path

    @property
    def losses(self) -> list[float]:
        """Of each step, in order."""
        return [event.data["loss"] for event in self.sink.events if event.key.startswith("train/")]

    @property
    def warnings(self) -> list[str]:
        return [event.data["message"] for event in self.sink.events if event.data.get("level") == "warning"]

    def weights(self, name: str = "adapter/adapter_model.safetensors") -> dict[str, torch.Tensor]:
        """What was saved."""
        return load_file(self.folder / "store" / name)

    def ids(self) -> dict[str, list[str]]:
        """Utterances of each split."""
        splits = json.loads((self.folder / "store" / "splits.json").read_text())
        return {name: splits[name] for name in ("train", "validation", "test")}


def train(model: Path, data: Path, folder: Path, changes: Mapping[str, Any]) -> Trained:
    """A run of two steps, with these fields of its config changed; groups of fields are merged."""
    fields = dict(SHORT)
    for name, value in changes.items():
        replaces = not isinstance(value, dict) or ("type" in value and name in fields)
        fields[name] = value if replaces else {**fields.get(name, {}), **value}
    sink = MemorySink()
    result = finetune(
        model=str(model),
        data=data,
        config=TrainingConfig.model_validate(fields),
        store=LocalRunStore(folder / "store"),
        events=sink,
        work_dir=folder / "scratch",
    )
    return Trained(result, sink, folder)
