"""Plan a run from the lengths of its examples, without the examples. Imports neither torch nor NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.config.training import BatchConfig, TrainingConfig
from engine.data.filling import batch_sizes, pool_size
from engine.families.costing import Costing

_DEFAULT_EPOCHS: Final = 10.0
_POINTS: Final = 16  # lengths that stand for a bin of a histogram


@dataclass(frozen=True, slots=True)
class Lengths:
    """Examples of one length."""

    length: float
    """In the unit of cost: seconds, tokens, pixels."""
    count: int
    """Number of such examples."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of a run, in the unit of cost."""

    steps: int
    cost: float | None
    """Cost of all examples that it trains on, without padding; None if it depends on a dataset and none was given."""
    padded_cost: float
    """With padding and whole windows; the run time is proportional to it."""
    unit: str
    """Unit of costs, the learner's `cost_unit`."""


def lengths_in(
    edges: Sequence[float], counts: Sequence[int], total: float, *, shortest: float, longest: float
) -> list[Lengths]:
    """Lengths with the distribution of a histogram, scaled so that they add up to a known total.

    Args:
        edges: ascending edges of its bins, one more than bins.
        counts: examples in each bin.
        total: sum of the lengths.
        shortest: length of the shortest example; what the outer bins hold beyond it is ignored.
        longest: length of the longest.
    """
    found = []
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        low, high = min(max(low, shortest), longest), max(min(high, longest), shortest)
        points = min(count, _POINTS)
        for point in range(points):
            share = count * (point + 1) // points - count * point // points
            found.append(Lengths(low + (high - low) * (point + 0.5) / points, share))
    factor = total / sum(each.length * each.count for each in found) if found else 1.0
    return [Lengths(min(longest, each.length * factor), each.count) for each in found]


def thinned(lengths: Sequence[Lengths], count: int) -> list[Lengths]:
    """So many examples with the same distribution, from the shortest to the longest."""
    every = sum(each.count for each in lengths)
    chosen, passed, taken = [], 0, 0
    for each in sorted(lengths, key=lambda each: each.length):
        passed += each.count
        until = (2 * count * passed + every) // (2 * every)
        if until > taken:
            chosen.append(Lengths(each.length, until - taken))
            taken = until
    return chosen


def steps_of_epochs(config: TrainingConfig, batches_per_pass: int) -> int:
    """Number of optimizer steps of a run whose config gives none."""
    return max(1, round((config.epochs or _DEFAULT_EPOCHS) * batches_per_pass))


def batches_in_a_pass(padded: Sequence[Lengths], batch: BatchConfig) -> int:
    """Number of batches in a pass over examples of these costs, padding included.

    It fills the sampler's pools, each with the distribution of all examples; in a run, chance decides what a pool holds.
    The number is exact for costs that are equal or fit into one pool.
    """
    every = sum(each.count for each in padded)
    pool = pool_size(batch, sum(each.length * each.count for each in padded) / every)
    full, rest = divmod(every, pool)
    return full * (_batches(padded, pool, batch) if full else 0) + (_batches(padded, rest, batch) if rest else 0)


def plan(config: TrainingConfig, costing: Costing, lengths: Sequence[Lengths] = ()) -> Plan | None:
    """The work of a run on examples of these lengths; None if it depends on them and none are given.

    Args:
        config: of the run.
        costing: what the family's examples cost in it.
        lengths: of the training examples.
    """
    examples = sum(each.count for each in lengths)
    if not examples:
        if config.max_steps is None:
            return None
        # A step takes one example at least, however small the batch is.
        step = max(config.batch.cost, costing.padded(0.0))
        return Plan(config.max_steps, None, config.max_steps * step, costing.unit)
    padded = [Lengths(costing.padded(each.length), each.count) for each in lengths]
    batches = batches_in_a_pass(padded, config.batch)
    steps = config.max_steps or steps_of_epochs(config, batches)
    passes = steps / batches
    own = sum(costing.own(each.length) * each.count for each in lengths)
    whole = costing.whole_window_share
    # Batches are filled as if no example were padded to a whole window.
    with_padding = (1 - whole) * sum(each.length * each.count for each in padded)
    with_padding += whole * costing.whole_window_cost * examples
    return Plan(steps, passes * own, passes * with_padding, costing.unit)


def _batches(padded: Sequence[Lengths], count: int, batch: BatchConfig) -> int:
    runs = ((each.length, each.count) for each in thinned(padded, count))
    return sum(1 for _ in batch_sizes(runs, batch))
