"""What the configs of all rank allocations have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from engine.config.base import Config, Name
from engine.errors import Fault


class AllocationFields(Config):
    """How ranks are distributed over the layers that get an adapter."""

    code: ClassVar[str]
    """Module and class of the allocation, a `engine.ranks.contract.Allocation`; imported when it is used."""

    type: Name
    """Name of the allocation."""

    def average_rank(self, rank: int, layers: int, weights_per_rank: int, bytes_per_weight: float) -> float:
        """Rank of a layer on average, for estimates without the model: as many weights as the allocation may use.

        Args:
            rank: the method's.
            layers: number of layers that may get an adapter.
            weights_per_rank: weights of all their adapters at rank 1.
            bytes_per_weight: memory for a trained weight, its gradient and its optimizer states.
        """
        return float(rank)

    def faults(self, rank: int) -> Sequence[Fault]:
        """What does not go together with the method's rank; paths are relative to the allocation."""
        return ()
