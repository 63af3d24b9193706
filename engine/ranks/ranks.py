"""The ranks of a run's adapters, as `ranks.json` holds them, and their summary in a result. Does not import torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from engine.config.allocations.given import FixedConfig
from engine.config.allocations.registry import AllocationConfig
from engine.config.allocations.sketch import BudgetUnit

RANKS_KEY: Final = "ranks.json"
RANKS_PICTURE: Final = "ranks.png"
FIXED_KEY: Final = "fixed.yaml"
"""The ranks as an allocation for `method.allocation` of a config."""
_ENOUGH: Final = 0.9
NO_GROUP: Final = "other"
"""Shown for layers that belong to no part of the model."""


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class LayerRank(_Stored):
    """A linear layer with the rank of its adapter."""

    name: str
    """Full name in the base."""
    group: str | None
    """Part of the model that it belongs to."""
    inputs: int
    outputs: int
    rank: int
    """0: it gets no adapter."""
    cost: float | None = None
    """Of one rank, in the budget's unit; unset for ranks that were given."""
    singular_values: list[float] = []
    """Of the mean gradient of its weights, largest first, as far as the sketch measured them; 0 where the two halves of
    the examples disagree."""

    @property
    def parameters(self) -> int:
        """Weights of its adapter."""
        return self.rank * (self.inputs + self.outputs)


class Measured(_Stored):
    """What singular values were measured on."""

    examples: int
    steps: int
    """Number of batches; even ones are one half of the examples, odd ones the other."""
    cost: float
    """Cost of the examples with padding, in `cost_unit`; each was computed twice."""
    cost_unit: str
    seed: int
    """Chose the examples and the random matrices of the sketch."""
    base: str
    """Type of the base's weights: `nf4`, `fp4`, or `full` for full precision."""
    wall_s: float


class Budget(_Stored):
    """What all adapters together may use."""

    unit: BudgetUnit
    """`average_rank` counts parameters: those of that rank in every layer."""
    allowed: float
    """In parameters, or in bytes."""
    spent: float
    """Of what is allowed; shuffled ranks may need other activations, and more or fewer bytes."""


class Ranks(_Stored):
    """The rank of every layer that could get an adapter, and what they were chosen by."""

    model: str
    """Id of the base."""
    revision: str | None
    """Commit or branch of the base, if it comes from a hub."""
    allocation: AllocationConfig
    """What was asked: budget, weights of the groups, power, floor, cap."""
    budget: Budget | None = None
    """Unset for ranks that were given."""
    measured: Measured | None = None
    """Unset for ranks that were given."""
    layers: list[LayerRank]

    def by_name(self) -> dict[str, int]:
        """Rank by name of the layer, without those of rank 0."""
        return {layer.name: layer.rank for layer in self.layers if layer.rank}

    def as_fixed(self) -> FixedConfig:
        """An allocation that gives these ranks without measuring anything."""
        return FixedConfig(ranks=self.by_name())

    def unspent(self) -> str | None:
        """A message for the user, if a good part of the budget is left because every layer has its largest rank."""
        if self.budget is None or self.budget.spent >= _ENOUGH * self.budget.allowed:
            return None
        unit = "bytes" if self.budget.unit == "bytes" else "parameters"
        return (
            f"the ranks take {self.budget.spent:,.0f} of the {self.budget.allowed:,.0f} {unit} of the budget, because the "
            "layers have their largest rank: raise method.allocation.cap and probe_rank, or the weights that are 0"
        )

    def summary(self) -> RankSummary:
        """What a result says about them."""
        names = dict.fromkeys(layer.group or NO_GROUP for layer in self.layers)
        groups = {name: _group([each for each in self.layers if (each.group or NO_GROUP) == name]) for name in names}
        return RankSummary(
            allocation=self.allocation.type,
            parameters=sum(layer.parameters for layer in self.layers),
            budget=self.budget,
            groups=groups,
            layers={layer.name: layer.rank for layer in self.layers},
        )


class GroupRanks(_Stored):
    """The ranks of a part of the model."""

    layers: int
    """Layers that could get an adapter."""
    adapted: int
    """Layers that got one."""
    mean_rank: float
    """Over all these layers."""
    parameters: int


class RankSummary(_Stored):
    """Ranks as a result and a card tell them; `ranks.json` has the singular values too."""

    allocation: str
    """Name of the allocation."""
    parameters: int
    """Weights of all adapters."""
    budget: Budget | None = None
    groups: dict[str, GroupRanks]
    """By part of the model."""
    layers: dict[str, int]
    """Rank by name of the layer; 0: no adapter."""

    def sentence(self) -> str:
        """The summary in one line."""
        parts = [
            f"{name} {group.mean_rank:.1f} on average ({group.adapted} of {group.layers} layers)"
            for name, group in self.groups.items()
        ]
        return f"{self.allocation}: {', '.join(parts)}"


def _group(layers: Sequence[LayerRank]) -> GroupRanks:
    return GroupRanks(
        layers=len(layers),
        adapted=sum(1 for layer in layers if layer.rank),
        mean_rank=sum(layer.rank for layer in layers) / len(layers),
        parameters=sum(layer.parameters for layer in layers),
    )
