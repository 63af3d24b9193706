"""Choose ranks greedily under a budget. Does not import torch.

A layer's k-th rank is worth weight * value_k ** power / cost: the singular values say how much of the gradient a rank can
follow, and the cost how much of the budget it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A layer that may get an adapter."""

    name: str
    group: str | None
    """Part of the model; its weight multiplies the value of the layer's ranks."""
    cost: float
    """Of one rank, in the budget's unit; greater than 0."""
    values: Sequence[float]
    """Singular values of its gradient; it gets at most as many ranks."""


def allocate(
    candidates: Sequence[Candidate],
    budget: float,
    *,
    weights: Mapping[str, float] | None = None,
    power: float = 1.0,
    floor: int = 0,
    cap: int | None = None,
) -> dict[str, int]:
    """The rank of each candidate, by its name.

    Ranks are taken in the order of their worth; one that does not fit into what is left of the budget is passed over, and
    cheaper ones may still fit. Equal worth goes to the lower rank first, then by name, so that equal layers get equal
    ranks and the order of the candidates does not matter. Ranks that are worth nothing are taken last, unless the group's
    weight is 0.

    Args:
        candidates: layers with distinct names.
        budget: sum of costs that is never exceeded.
        weights: by group; 1 for groups that are not named.
        power: exponent of the singular values.
        floor: least rank of every candidate, as far as it has values.
        cap: largest rank; None: as many as there are values.

    Raises:
        ValueError: the floor alone costs more than the budget.
    """
    weights = weights or {}
    most = {each.name: len(each.values) if cap is None else min(cap, len(each.values)) for each in candidates}
    ranks = {each.name: min(floor, most[each.name]) for each in candidates}
    ordered = sorted(candidates, key=lambda each: each.name)
    spent = sum(ranks[each.name] * each.cost for each in ordered)
    if spent > budget:
        raise ValueError(f"rank {floor} in every layer costs {spent:,.0f}, and the budget is {budget:,.0f}")
    offers = []
    for each in ordered:
        weight = weights.get(each.group, 1.0) if each.group is not None else 1.0
        if weight <= 0.0:
            continue
        worths = [weight * value**power / each.cost for value in sorted(each.values, reverse=True)[: most[each.name]]]
        offers += [(-worth, place, each.name, each.cost) for place, worth in enumerate(worths)]
    for _, place, name, cost in sorted(offers):
        if ranks[name] == place and spent + cost <= budget:
            ranks[name] += 1
            spent += cost
    return ranks
