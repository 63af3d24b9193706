"""LoRA: small adapters on a base that does not change, in full precision or in 4 bits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import peft
from torch import nn

from engine.adapters import lora
from engine.code import import_code
from engine.config.methods.lora import LoraFields
from engine.data.example import AnyExample
from engine.families.binding import Bound
from engine.families.contract import AnyLearner, Base
from engine.models.reference import ModelReference
from engine.ranks.contract import Allocation, Run
from engine.ranks.ranks import Ranks
from engine.training.parallel import Parallel


class Lora:
    """Trains adapters, and the heads that are new for the task."""

    def __init__(self, config: LoraFields) -> None:
        self._config = config
        self._ranks: Ranks | None = None

    def allocate(self, bound: Bound, train: Sequence[AnyExample], folder: Path, parallel: Parallel) -> Ranks | None:
        """The ranks of the allocation that the config names."""
        allocation: Allocation = import_code(self._config.allocation.code)(self._config.allocation)
        return allocation.ranks(Run(bound, self._config, train, folder, parallel))

    def use_ranks(self, ranks: Ranks) -> None:
        """Attach adapters of these ranks from now on."""
        self._ranks = ranks

    def attach(self, base: Base, reference: ModelReference) -> nn.Module:
        """See `engine.adapters.lora.attach`; every layer has the config's rank unless there are ranks to follow."""
        return self.adapted(base, reference)

    def adapted(self, base: Base, reference: ModelReference) -> peft.PeftModel:
        """The base with its adapters."""
        return lora.attach(base, self._config, reference, self._ranks)

    def before_step(self, step: int) -> None:
        """The same is trained in every step."""

    def save(self, trained: Any, base: Base, learner: AnyLearner, folder: Path) -> None:
        """Write the adapter, and for a new head what its outputs mean."""
        lora.save(trained, folder)
        if base.has_new_head:
            base.save_processor(folder)
