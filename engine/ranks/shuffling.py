"""The control of an allocation: its ranks, permuted among layers of the same shape. Does not import torch."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping


def shuffled(ranks: Mapping[str, int], shapes: Mapping[str, Hashable], seed: int) -> dict[str, int]:
    """Permuted ranks: each shape keeps its ranks, so that the number of parameters stays the same.

    Args:
        ranks: by name of the layer.
        shapes: shape of each layer, by its name.
        seed: which permutation; it does not depend on the order of the layers.
    """
    found: dict[str, int] = {}
    generator = random.Random(seed)
    for shape in sorted({shapes[name] for name in ranks}, key=repr):
        names = sorted(name for name in ranks if shapes[name] == shape)
        values = [ranks[name] for name in names]
        generator.shuffle(values)
        found |= dict(zip(names, values, strict=True))
    return {name: found[name] for name in ranks}
