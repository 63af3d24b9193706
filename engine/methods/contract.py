"""The contract of a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import nn

from engine.data.example import AnyExample
from engine.families.binding import Bound
from engine.families.contract import AnyLearner, Base
from engine.models.reference import ModelReference
from engine.ranks.ranks import Ranks
from engine.training.parallel import Parallel


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


# ---- what a method may offer besides -----------------------------------------------------------------------


@runtime_checkable
class AllocatesRanks(Protocol):
    """A method whose adapters may have a rank of their own in each layer."""

    def allocate(self, bound: Bound, train: Sequence[AnyExample], folder: Path, parallel: Parallel) -> Ranks | None:
        """The ranks that its config asks for; None: the same for all. Every worker calls this.

        Raises:
            ConfigError: what was asked does not suit the model or the data.
        """
        ...

    def use_ranks(self, ranks: Ranks) -> None:
        """Attach adapters of these ranks from now on."""


@runtime_checkable
class LooksAhead(Protocol):
    """A method that needs to know something of the training examples before the first step.

    All workers, and a resumed run, use what was seen once.
    """

    def look(self, learner: AnyLearner, examples: Sequence[AnyExample], folder: Path) -> Mapping[str, Any]:
        """What it has to know, as JSON; called after `attach`."""
        ...

    def follow(self, seen: Mapping[str, Any]) -> None:
        """Use what was seen."""


@runtime_checkable
class ScalesRates(Protocol):
    """A method some of whose parameters learn at another rate than the optimizer's."""

    def rate_factor(self, name: str) -> float:
        """Factor on the learning rate of a parameter, by its name in the trained model."""
        ...


@runtime_checkable
class HasForms(Protocol):
    """A method whose result can be used in simpler forms too, which are measured apart."""

    def forms(self, trained: Any) -> Mapping[str, AbstractContextManager[None]]:
        """By the name of a form, a context in which the model computes in it."""
        ...
