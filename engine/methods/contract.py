"""The contract of a method."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from torch import nn

from engine.families.contract import AnyLearner, Base
from engine.models.reference import ModelReference


class Method(Protocol):
    """Chooses what is trained."""

    def attach(self, base: Base, reference: ModelReference) -> nn.Module:
        """The model to train: of its parameters, those that will ever be trained require a gradient.

        Raises:
            ModelError: the model has nothing that the method could train.
        """
        ...

    def before_step(self, step: int) -> None:
        """Choose what is trained in a step, counted from 0; a function of the step alone, so that a resumed run agrees."""

    def save(self, trained: Any, base: Base, learner: AnyLearner, folder: Path) -> None:
        """Write what was trained."""
