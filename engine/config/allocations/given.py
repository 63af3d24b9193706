"""The configs of allocations that need no measurement."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from engine.config.allocations.base import AllocationFields

LayerName = Annotated[str, Field(min_length=1, max_length=500)]
FixedRank = Annotated[int, Field(ge=0, le=1024)]


class UniformConfig(AllocationFields):
    """Every layer has the method's rank."""

    code: ClassVar[str] = "engine.ranks.given:Uniform"

    type: Literal["uniform"] = "uniform"


class FixedConfig(AllocationFields):
    """Every layer has the rank that is given for it."""

    code: ClassVar[str] = "engine.ranks.given:Fixed"

    type: Literal["fixed"] = "fixed"
    ranks: Annotated[dict[LayerName, FixedRank], Field(min_length=1, max_length=20_000)]
    """Rank by the full name of the layer, such as `model.encoder.layers.0.fc1`: `lim ranks` writes such names. Layers
    that are not named, or have rank 0, get no adapter."""

    def average_rank(self, rank: int, layers: int, weights_per_rank: int, bytes_per_weight: float) -> float:
        """The mean of the ranks over all layers, as if layers were of one size."""
        return sum(self.ranks.values()) / max(layers, 1)
