"""Every weight is trained: of a pre-trained model, or from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from engine.config.methods.base import MethodFields
from engine.families.contract import AnyLearner, Base
from engine.models.reference import ModelReference


class Whole:
    """Trains the whole model, except for what its architecture defines as constant."""

    def __init__(self, config: MethodFields) -> None:
        pass

    def attach(self, base: Base, reference: ModelReference) -> nn.Module:
        """The base itself."""
        base.model.requires_grad_(True)
        base.freeze_constants()
        return base.model

    def before_step(self, step: int) -> None:
        """The same is trained in every step."""

    def save(self, trained: Any, base: Base, learner: AnyLearner, folder: Path) -> None:
        """Write the whole model."""
        learner.save(folder)
