"""Spend a budget on the ranks of layers whose singular values are known. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from engine.config.allocations.sketch import ShuffledConfig, SketchFields
from engine.config.methods.lora import LoraFields
from engine.errors import ConfigError, Fault
from engine.ranks.greedy import Candidate, allocate
from engine.ranks.ranks import Budget, LayerRank, Ranks
from engine.ranks.shuffling import shuffled

_FIELD: Final = "training.method.allocation"


def allowed_by(config: SketchFields, rank: int, weights_per_rank: Iterable[int]) -> float:
    """The budget, in parameters or bytes.

    Args:
        config: of the allocation.
        rank: the method's, which counts if no budget is given.
        weights_per_rank: weights of the adapter of each layer at rank 1.
    """
    if config.budget is not None and config.unit != "average_rank":
        return config.budget
    average = rank if config.budget is None else config.budget
    return average * sum(weights_per_rank)


def spend(config: SketchFields, candidates: Sequence[Candidate], allowed: float) -> dict[str, int]:
    """The rank of each candidate, by its name.

    Raises:
        ConfigError: the budget is too small for the floor, or for any rank.
    """
    try:
        chosen = allocate(
            candidates, allowed, weights=config.weights, power=config.power, floor=config.floor, cap=config.cap
        )
    except ValueError as error:
        raise ConfigError([Fault(f"{_FIELD}.budget", f"{error}: raise it, or lower floor")]) from error
    if not any(chosen.values()):
        least = min(each.cost for each in candidates)
        message = (
            f"found {allowed:,.0f} {_counted_in(config)}; one rank costs at least {least:,.0f}: raise it, "
            "or give a group of the model a weight greater than 0"
        )
        raise ConfigError([Fault(f"{_FIELD}.budget", message)])
    return chosen


def spent_again(measured: Ranks, method: LoraFields, allocation: SketchFields) -> Ranks:
    """The ranks that the same sketch gives with another budget, other weights, another power, floor or cap.

    Args:
        measured: ranks of a sketch, with the singular values and the cost of each layer.
        method: whose rank counts if no budget is given.
        allocation: the budget, and how it is spent; in the unit of the measured ranks.

    Raises:
        ConfigError: the budget is too small for the floor, or for any rank.
        ValueError: the ranks were given, not measured.
    """
    layers = [(layer, layer.cost) for layer in measured.layers]
    candidates = [
        Candidate(layer.name, layer.group, cost, layer.singular_values) for layer, cost in layers if cost is not None
    ]
    if measured.budget is None or len(candidates) < len(layers):
        raise ValueError("the ranks were given, not measured: there are no singular values to spend a budget by")
    allowed = allowed_by(allocation, method.rank, (layer.inputs + layer.outputs for layer in measured.layers))
    chosen = spend(allocation, candidates, allowed)
    if isinstance(allocation, ShuffledConfig):
        shapes = {layer.name: (layer.inputs, layer.outputs) for layer in measured.layers}
        chosen = shuffled(chosen, shapes, allocation.shuffle_seed)
    costs = {each.name: each.cost for each in candidates}
    return measured.model_copy(
        update={
            "allocation": allocation,
            "budget": Budget(
                unit=allocation.unit, allowed=allowed, spent=sum(rank * costs[name] for name, rank in chosen.items())
            ),
            "layers": [_with_rank(layer, chosen[layer.name]) for layer in measured.layers],
        }
    )


def _with_rank(layer: LayerRank, rank: int) -> LayerRank:
    return layer.model_copy(update={"rank": rank})


def _counted_in(config: SketchFields) -> str:
    return "bytes" if config.unit == "bytes" else "parameters"
