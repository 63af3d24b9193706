"""Allocations by a sketch of the gradient, and their shuffled control."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch
from torch import nn

from engine.adapters.targets import check_groups, target_layers
from engine.config.allocations.sketch import ShuffledConfig, SketchFields
from engine.config.training import TrainingConfig
from engine.ranks.contract import Run
from engine.ranks.greedy import Candidate
from engine.ranks.ranks import Budget, LayerRank, Measured, Ranks
from engine.ranks.shuffling import shuffled
from engine.ranks.sketch import Sketch, sketch
from engine.ranks.spending import allowed_by, spend


class Sketched:
    """Ranks go where the gradient at the base is largest for what they cost."""

    def __init__(self, config: SketchFields) -> None:
        self._config = config

    def ranks(self, run: Run) -> Ranks:
        """Measure, and allocate.

        Raises:
            ConfigError: weights for a part that the model lacks, too few examples, or a budget too small for any rank.
            TrainingError: a gradient is not finite.
        """
        config, bound, started = self._config, run.bound, time.perf_counter()
        check_groups(bound.base, list(config.weights), bound.reference, "method.allocation.weights")
        layers = target_layers(bound.base, run.method, bound.reference)
        found = sketch(
            bound,
            layers,
            run.train,
            run.folder,
            examples=config.examples,
            probe_rank=config.probe_rank,
            parallel=run.parallel,
        )
        costs = {name: self._cost(layer, found.positions_per_cost[name], run) for name, layer in layers.items()}
        weights_per_rank = [layer.in_features + layer.out_features for layer in layers.values()]
        allowed = allowed_by(config, run.method.rank, weights_per_rank)
        chosen = self._chosen(run, found, costs, allowed)
        four_bit = bound.config.method.four_bit
        return Ranks(
            model=bound.reference.id,
            revision=bound.reference.revision,
            allocation=config,
            budget=Budget(
                unit=config.unit, allowed=allowed, spent=sum(rank * costs[name] for name, rank in chosen.items())
            ),
            measured=Measured(
                examples=found.examples,
                steps=found.steps,
                cost=found.cost,
                cost_unit=bound.learner.cost_unit,
                seed=bound.config.seed,
                base=four_bit.kind if four_bit is not None else "full",
                wall_s=time.perf_counter() - started,
            ),
            layers=[
                LayerRank(
                    name=name,
                    group=bound.base.group_of(name),
                    inputs=layer.in_features,
                    outputs=layer.out_features,
                    rank=chosen[name],
                    cost=costs[name],
                    singular_values=found.values[name],
                )
                for name, layer in layers.items()
            ],
        )

    def _chosen(self, run: Run, found: Sketch, costs: Mapping[str, float], allowed: float) -> dict[str, int]:
        base = run.bound.base
        candidates = [Candidate(name, base.group_of(name), cost, found.values[name]) for name, cost in costs.items()]
        return spend(self._config, candidates, allowed)

    def _cost(self, layer: nn.Linear, positions_per_cost: float, run: Run) -> float:
        """What one rank of a layer takes of the budget."""
        if self._config.unit != "bytes":
            return layer.in_features + layer.out_features
        config, dtype = run.bound.config, run.bound.dtype
        kept = positions_per_cost * config.batch.micro_batch_cost * torch.empty((), dtype=dtype).element_size()
        return sum(weight_bytes(config, side) for side in (layer.in_features, layer.out_features)) + kept


class Shuffled(Sketched):
    """The ranks of `Sketched`, permuted among layers of the same shape."""

    def __init__(self, config: ShuffledConfig) -> None:
        super().__init__(config)
        self._seed = config.shuffle_seed

    def _chosen(self, run: Run, found: Sketch, costs: Mapping[str, float], allowed: float) -> dict[str, int]:
        chosen = super()._chosen(run, found, costs, allowed)
        layers = target_layers(run.bound.base, run.method, run.bound.reference)
        shapes = {name: (layer.in_features, layer.out_features) for name, layer in layers.items()}
        return shuffled(chosen, shapes, self._seed)


def weight_bytes(config: TrainingConfig, weights: int) -> int:
    """Bytes that a run keeps for a trained tensor of so many float32 weights: itself, gradient, states and copies."""
    copies = bool(config.ema_decay) + (config.evaluation.keep == "best")
    return 4 * weights * (2 + copies) + config.optimizer.state_bytes(weights)
