"""Batches filled by cost: a pure function of the seed, so that any position can be restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.config.training import BatchConfig
from engine.data.filling import batch_sizes, pool_size
from engine.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Position:
    """A run's position in the endless order of batches."""

    step: int = 0
    """Batches so far."""
    epoch: int = 0
    """Started passes over the current set (first the short examples, then all)."""
    index: int = 0
    """Batches so far in this pass."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The examples of one optimizer step over all workers, by their index."""

    indices: tuple[int, ...]
    whole_window: tuple[int, ...]
    """The `indices` padded to the model's whole window."""
    position: Position
    epoch: float
    """Passes over the training examples so far, with fraction."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of a run's examples, in the task's unit."""

    own: Sequence[float]
    """Without padding."""
    padded: Sequence[float]
    """In a batch of examples such as it, padding included."""


class BatchOrder:
    """The endless order of batches over a run's training examples.

    Args:
        costs: of the training examples.
        batch: how batches are filled.
        seed: of every random choice.
        position: of the first batch.
        whole_window_share: share of the examples that are padded to the model's whole window.
    """

    def __init__(
        self,
        costs: Costs,
        batch: BatchConfig,
        *,
        seed: int,
        position: Position = Position(),
        whole_window_share: float = 0.0,
    ) -> None:
        if not costs.own:
            raise TrainingError("no example is left to train on; check the split and the data's report")
        self._padded, self._own = np.array(costs.padded), np.array(costs.own)
        self._whole_window_share = whole_window_share
        self._batch = batch
        self._seed = seed
        self._position = position
        self._pass: list[tuple[int, ...]] = []
        self._pass_of: tuple[bool, int] | None = None

    @property
    def position(self) -> Position:
        """Position of the next batch."""
        return self._position

    def steps_per_epoch(self) -> int:
        """Batches in the first pass over all examples."""
        return len(self._plan(short=False, epoch=0))

    def next(self) -> Batch:
        """The next batch."""
        at = self._position
        short = at.step < self._batch.short_first_steps
        if at.step == self._batch.short_first_steps and at.step > 0:
            at = Position(at.step)  # the curriculum ends; the first pass over everything starts
        plan = self._plan_cached(short, at.epoch)
        if at.index >= len(plan):
            at = Position(at.step, at.epoch + 1)
            plan = self._plan_cached(short, at.epoch)
        self._position = Position(at.step + 1, at.epoch, at.index + 1)
        indices = plan[at.index]
        return Batch(indices, self._whole_window(indices, at.step), at, at.epoch + (at.index + 1) / len(plan))

    def _whole_window(self, indices: tuple[int, ...], step: int) -> tuple[int, ...]:
        """A share of a batch, spread evenly over steps: with a share of 1/64, one of 16 in every fourth step."""
        expected = self._whole_window_share * len(indices)
        count = int((step + 1) * expected) - int(step * expected)
        generator = np.random.default_rng([self._seed, 2, step])
        return tuple(sorted(generator.permutation(indices)[:count].tolist()))

    def _plan_cached(self, short: bool, epoch: int) -> list[tuple[int, ...]]:
        if self._pass_of != (short, epoch):
            self._pass = self._plan(short, epoch)
            self._pass_of = (short, epoch)
        return self._pass

    def _plan(self, short: bool, epoch: int) -> list[tuple[int, ...]]:
        chosen = np.arange(len(self._padded))
        if short:
            chosen = chosen[self._own <= self._batch.short_first_max_cost]
            if not len(chosen):
                raise TrainingError(
                    f"batch.short_first_max_cost is {self._batch.short_first_max_cost:g} and no example is that short; the "
                    f"shortest has a cost of {self._own.min():.2f}"
                )
        generator = np.random.default_rng([self._seed, int(short), epoch])
        generator.shuffle(chosen)
        pool = pool_size(self._batch, float(self._padded[chosen].mean()))
        batches: list[tuple[int, ...]] = []
        for start in range(0, len(chosen), pool):
            part = chosen[start : start + pool]
            batches += self._filled(part[np.argsort(self._padded[part], kind="stable")])
        order = generator.permutation(len(batches))
        return [batches[i] for i in order]

    def _filled(self, ordered: np.ndarray) -> list[tuple[int, ...]]:
        batches, start = [], 0
        indices = ordered.tolist()
        for size in batch_sizes(((cost, 1) for cost in self._padded[ordered].tolist()), self._batch):
            batches.append(tuple(indices[start : start + size]))
            start += size
        return batches


def micro_batches(
    indices: Sequence[int],
    padded: Sequence[float],
    *,
    micro_batch_cost: float,
    rank: int,
    world_size: int,
    unit: int = 1,
) -> list[list[int]]:
    """One worker's part of a batch, in pieces that fit `micro_batch_cost`.

    The pieces are distributed evenly over the workers; a worker without work gets an empty list. The assignment changes
    only the rounding of the gradients' sum.

    Args:
        indices: examples of the batch.
        padded: cost of every example, padding included.
        micro_batch_cost: largest cost of a piece; one run alone may be larger.
        rank: of the worker.
        world_size: number of workers.
        unit: examples of a run that is never divided; the last run of a batch may be shorter.
    """
    runs = [list(indices[start : start + unit]) for start in range(0, len(indices), unit)]
    pieces: list[list[int]] = []
    filled = 0.0
    for run in runs[rank::world_size]:
        cost = sum(padded[index] for index in run)
        if not pieces or filled + cost > micro_batch_cost + 1e-6:
            pieces.append([])
            filled = 0.0
        pieces[-1] += run
        filled += cost
    return pieces


def evaluation_batches(padded: Sequence[float], batch_cost: float) -> list[list[int]]:
    """Indices in batches of one padded cost each, so that no example's result depends on its neighbours."""
    batches: list[list[int]] = []
    by_cost: dict[float, list[int]] = {}
    for index, cost in enumerate(padded):
        by_cost.setdefault(cost, []).append(index)
    for cost in sorted(by_cost):
        per_batch = max(1, int(batch_cost / cost))
        rows = by_cost[cost]
        batches += [rows[i : i + per_batch] for i in range(0, len(rows), per_batch)]
    return batches
