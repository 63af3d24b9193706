"""The contract of a rank allocation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.config.methods.lora import LoraFields
from engine.data.example import AnyExample
from engine.families.binding import Bound
from engine.ranks.ranks import Ranks
from engine.training.parallel import Parallel


@dataclass(frozen=True, slots=True)
class Run:
    """What an allocation may look at: the run that it is for."""

    bound: Bound
    """The base with its task. An allocation may attach to it, and leaves it as it was."""
    method: LoraFields
    """Which layers get an adapter."""
    train: Sequence[AnyExample]
    """The training examples; no others may be looked at."""
    folder: Path
    """Of the dataset version."""
    parallel: Parallel
    """This worker's rank; every worker calls the allocation, and the ranks of the first are used."""


class Allocation(Protocol):
    """Distributes ranks over layers."""

    def ranks(self, run: Run) -> Ranks | None:
        """The rank of each layer; None: the method's for all.

        Raises:
            ConfigError: what was asked does not suit the model.
        """
        ...
