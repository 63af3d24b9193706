"""A shuffled control keeps the ranks of each shape, and with them the number of parameters."""

from __future__ import annotations

from collections import Counter

from engine.ranks.shuffling import shuffled

SHAPES = {
    f"{kind}.{number}": (64, 64 if kind == "square" else 256) for kind in ("square", "wide") for number in range(8)
}
RANKS = {name: number for number, name in enumerate(SHAPES)}


def test_each_shape_keeps_its_ranks() -> None:
    found = shuffled(RANKS, SHAPES, 1)
    assert list(found) == list(RANKS) and found != RANKS
    for shape in set(SHAPES.values()):
        names = [name for name in SHAPES if SHAPES[name] == shape]
        assert Counter(found[name] for name in names) == Counter(RANKS[name] for name in names)


def test_the_seed_says_which_permutation_and_the_order_of_layers_nothing() -> None:
    assert shuffled(RANKS, SHAPES, 1) == shuffled(dict(reversed(RANKS.items())), SHAPES, 1)
    assert len({tuple(shuffled(RANKS, SHAPES, seed).values()) for seed in range(5)}) == 5
