"""What holds for every allocation: budget, floor, cap, monotone weights, no dependence on order, and what equals get."""

from __future__ import annotations

import random
from typing import Any

import pytest

from engine.ranks.greedy import Candidate, allocate

GROUPS = ("audio_encoder", "fusion", "text_decoder", None)
SEEDS = range(200)


def _drawn(seed: int) -> tuple[list[Candidate], float, dict[str, Any]]:
    """Layers of random shapes and values, and limits that the budget allows."""
    draw = random.Random(seed)
    costs = [draw.choice([128, 256, 640, 1, 37]) for _ in range(draw.randint(1, 12))]
    found = [
        Candidate(
            f"layer.{number}",
            draw.choice(GROUPS),
            cost,
            [draw.choice([0.0, draw.random(), 10 * draw.random()]) for _ in range(draw.randint(1, 8))],
        )
        for number, cost in enumerate(costs)
    ]
    floor = draw.randint(0, 2)
    limits = {
        "weights": {group: draw.choice([0.0, 0.3, 1.0, 5.0]) for group in GROUPS[:2]},
        "power": draw.choice([0.5, 1.0, 2.0]),
        "floor": floor,
        "cap": draw.choice([None, draw.randint(max(1, floor), 8)]),
    }
    least = sum(min(floor, len(each.values)) * each.cost for each in found)
    return found, least + draw.random() * 6 * sum(costs), limits


def _spent(candidates: list[Candidate], ranks: dict[str, int]) -> float:
    return sum(ranks[each.name] * each.cost for each in candidates)


def test_budget_floor_and_cap_hold() -> None:
    for seed in SEEDS:
        candidates, budget, limits = _drawn(seed)
        ranks = allocate(candidates, budget, **limits)
        assert ranks.keys() == {each.name for each in candidates}
        assert _spent(candidates, ranks) <= budget
        for each in candidates:
            most = len(each.values) if limits["cap"] is None else min(limits["cap"], len(each.values))
            assert min(limits["floor"], most) <= ranks[each.name] <= most


def test_nothing_that_fits_is_left() -> None:
    for seed in SEEDS:
        candidates, budget, limits = _drawn(seed)
        limits["weights"] = {}
        ranks = allocate(candidates, budget, **limits)
        left = budget - _spent(candidates, ranks)
        for each in candidates:
            most = len(each.values) if limits["cap"] is None else min(limits["cap"], len(each.values))
            assert ranks[each.name] == most or each.cost > left


def test_a_larger_weight_never_gives_a_group_less() -> None:
    for seed in SEEDS:
        candidates, budget, limits = _drawn(seed)
        group = GROUPS[seed % 3]
        spent = []
        for weight in (0.0, 0.1, 1.0, 3.0, 1000.0):
            limits["weights"][group] = weight
            ranks = allocate(candidates, budget, **limits)
            spent.append(_spent([each for each in candidates if each.group == group], ranks))
        assert spent == sorted(spent)


def test_the_order_of_layers_does_not_matter() -> None:
    for seed in SEEDS:
        candidates, budget, limits = _drawn(seed)
        ranks = allocate(candidates, budget, **limits)
        random.Random(seed).shuffle(candidates)
        assert allocate(candidates, budget, **limits) == ranks


@pytest.mark.parametrize("rank", [1, 3, 8])
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_equal_layers_get_equal_ranks(rank: int, value: float) -> None:
    candidates = [Candidate(f"layer.{number}", GROUPS[number % 4], 256, [value] * 8) for number in range(10)]
    assert set(allocate(candidates, 10 * 256 * rank).values()) == {rank}


def test_ranks_are_taken_by_their_worth() -> None:
    """By hand: worths a 8, 4, 2; b 3, 3 at cost 1, and c 10, 6 at cost 2, which is 5 and 3 a unit."""
    a, b, c = (
        Candidate("a", "fusion", 1, [2.0, 8.0, 4.0]),
        Candidate("b", None, 1, [3.0, 3.0]),
        Candidate("c", "text_decoder", 2, [10.0, 6.0]),
    )
    assert allocate([a, b, c], 4) == {"a": 2, "b": 0, "c": 1}
    assert allocate([a, b, c], 5) == {"a": 2, "b": 1, "c": 1}
    assert allocate([a, b, c], 5, floor=1, cap=1) == {"a": 1, "b": 1, "c": 1}
    # Doubled, c's ranks are worth 10 and 6 a unit.
    assert allocate([a, b, c], 5, weights={"text_decoder": 2.0}) == {"a": 1, "b": 0, "c": 2}
    # Squares a unit of cost: a 64, 16, 4; b 9, 9; c 50, 18.
    assert allocate([a, b, c], 5, power=2.0) == {"a": 1, "b": 0, "c": 2}
    assert allocate([a, b, c], 100, weights={"text_decoder": 0.0}) == {"a": 3, "b": 2, "c": 0}


def test_a_floor_that_costs_more_than_the_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="rank 2 in every layer costs 1,024, and the budget is 1,000"):
        allocate([Candidate("a", None, 256, [1.0, 1.0]), Candidate("b", None, 256, [1.0, 1.0])], 1000, floor=2)
