"""Linear probe: only the head is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from engine.config.methods.whole import LinearProbeConfig
from engine.errors import ConfigError, Fault
from engine.families.contract import AnyLearner, Base
from engine.models.reference import ModelReference


class LinearProbe:
    """Trains the heads that are new for the task, on a base that stays as it is."""

    def __init__(self, config: LinearProbeConfig) -> None:
        pass

    def attach(self, base: Base, reference: ModelReference) -> nn.Module:
        """The base with everything frozen but its heads.

        Raises:
            ConfigError: the model has no head of its own for the task.
        """
        if not base.heads:
            raise ConfigError([Fault("training.method.type", no_head(reference))])
        base.model.requires_grad_(False)
        for head in base.heads:
            base.model.get_submodule(head).requires_grad_(True)
        return base.model

    def before_step(self, step: int) -> None:
        """The same is trained in every step."""

    def save(self, trained: Any, base: Base, learner: AnyLearner, folder: Path) -> None:
        """Write the whole model with its head."""
        learner.save(folder)


def no_head(reference: ModelReference) -> str:
    """Why a model cannot be probed."""
    return (
        f"found linear_probe, which trains only a head that is new for the task; {reference.id} has none for it: take "
        "lora or qlora, or a task with labels"
    )
