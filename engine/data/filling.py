"""Fill batches by cost. Imports no NumPy, because the API uses it too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from engine.config.training import BatchConfig

_POOL_BATCHES: Final = 32  # number of batches sorted by cost together; more means less padding and less mixing
_SLACK: Final = 1e-6  # sums of costs are rounded


def pool_size(batch: BatchConfig, mean_cost: float) -> int:
    """Examples that are sorted by cost together, of which the first batches of a pass are filled.

    Args:
        batch: how batches are filled.
        mean_cost: of the examples of the pass, padding included.
    """
    return _POOL_BATCHES * min(batch.max_examples, max(1, int((batch.cost + _SLACK) / mean_cost)))


def batch_sizes(runs: Iterable[tuple[float, int]], batch: BatchConfig) -> Iterator[int]:
    """Numbers of examples in the batches of a pool.

    Args:
        runs: cost of an example, padding included, and number of consecutive examples that cost so much; in the order of
            the pool.
        batch: how batches are filled; a batch has at least one example.
    """
    size, filled, limit = 0, 0.0, batch.cost + _SLACK
    for cost, count in runs:
        left = count
        while left:
            fit = int((limit - filled) / cost) if cost > 0 else left
            room = max(0, min(fit, batch.max_examples - size))
            if size and not room:
                yield size
                size, filled = 0, 0.0
                continue
            taken = min(left, max(1, room))
            size, filled, left = size + taken, filled + taken * cost, left - taken
    if size:
        yield size
