"""LoRA: small adapters on a base that does not change, in full precision or in 4 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from engine.adapters import lora
from engine.config.methods.lora import LoraFields
from engine.families.contract import AnyLearner, Base
from engine.models.reference import ModelReference


class Lora:
    """Trains adapters, and the heads that are new for the task."""

    def __init__(self, config: LoraFields) -> None:
        self._config = config

    def attach(self, base: Base, reference: ModelReference) -> nn.Module:
        """See `engine.adapters.lora.attach`."""
        return lora.attach(base, self._config, reference)

    def before_step(self, step: int) -> None:
        """The same is trained in every step."""

    def save(self, trained: Any, base: Base, learner: AnyLearner, folder: Path) -> None:
        """Write the adapter, and for a new head what its outputs mean."""
        lora.save(trained, folder)
        if base.has_new_head:
            base.save_processor(folder)
