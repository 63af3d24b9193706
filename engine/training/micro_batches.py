"""Split the batch of a step into micro-batches, and build those of this worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data.batching import Batch, Costs, Position, micro_batches
from engine.data.example import AnyExample
from engine.families.contract import AnyLearner, Indivisible, PadsSomeWhole
from engine.training.parallel import Parallel


@dataclass(frozen=True, slots=True)
class Step:
    """This worker's part of one optimizer step."""

    batch: Batch
    micro_batches: list[Any]
    target_count: int
    """Number of targets of the whole step, over all workers."""
    after: Position
    """Position in the batch order after this step."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Examples that are computed together."""

    indices: tuple[int, ...]
    is_whole: bool
    """Whether they are padded to the model's whole window."""
    cost: float
    """Sum of their costs, padding included: what the limit of a micro-batch counts."""
    longest: float
    """Largest of these costs."""
    parts: int
    """Pieces that they could be divided into: examples, or runs of examples that the loss compares."""

    @property
    def size(self) -> float:
        """Cost of its tensors, in which every example is as long as the longest."""
        return len(self.indices) * self.longest


class MicroBatching:
    """Splits batches for any limit; the split changes neither the step's examples nor what is drawn for them."""

    def __init__(
        self,
        learner: AnyLearner,
        examples: Sequence[AnyExample],
        folder: Path,
        *,
        costs: Costs,
        parallel: Parallel,
        seed: int,
    ) -> None:
        self._learner, self._examples, self._folder = learner, examples, folder
        self._padded = costs.padded
        self._parallel, self._seed = parallel, seed
        self._unit = learner.unit if isinstance(learner, Indivisible) else 1

    def step(self, batch: Batch, limit: float, after: Position) -> Step:
        """This worker's part of a step.

        Args:
            batch: of all workers.
            limit: largest cost of a micro-batch.
            after: position in the batch order after the step.
        """
        pieces = self._pieces_of(batch, limit, self._parallel.rank)
        ready = [self.collate(batch, piece) for piece in pieces]
        return Step(batch, ready, self._learner.target_count([self._examples[i] for i in batch.indices]), after)

    def pieces(self, batch: Batch, limit: float) -> list[Piece]:
        """The micro-batches of all workers in one step."""
        ranks = range(self._parallel.world_size)
        return [piece for rank in ranks for piece in self._pieces_of(batch, limit, rank)]

    def largest(self, batches: Iterable[Batch], limit: float) -> tuple[Batch, Piece]:
        """The micro-batch with the largest tensors, of all workers; of equal ones, that with the longest example."""
        found = ((batch, piece) for batch in batches for piece in self.pieces(batch, limit))
        return max(found, key=lambda each: (each[1].size, each[1].longest))

    def collate(self, batch: Batch, piece: Piece) -> Any:
        """Read the inputs of a micro-batch."""
        at, learner = batch.position, self._learner
        collate = learner.collate
        if piece.is_whole and isinstance(learner, PadsSomeWhole):
            collate = learner.collate_whole
        # Augmentation depends only on the position in the run, not on the worker or thread.
        seeds = [(self._seed, at.step, at.epoch, i) for i in piece.indices]
        return collate([self._examples[i] for i in piece.indices], self._folder, seeds)

    def _pieces_of(self, batch: Batch, limit: float, rank: int) -> list[Piece]:
        plain = [i for i in batch.indices if i not in batch.whole_window]
        pieces = list(self._split(plain, self._padded, limit, rank, is_whole=False))
        if batch.whole_window and isinstance(self._learner, PadsSomeWhole):
            padded = [self._learner.whole_window_cost] * len(self._padded)
            pieces += self._split(batch.whole_window, padded, limit, rank, is_whole=True)
        return pieces

    def _split(
        self, indices: Sequence[int], padded: Sequence[float], limit: float, rank: int, *, is_whole: bool
    ) -> Iterator[Piece]:
        found = micro_batches(
            indices,
            padded,
            micro_batch_cost=limit,
            rank=rank,
            world_size=self._parallel.world_size,
            unit=self._unit,
        )
        for piece in found:
            costs = [padded[i] for i in piece]
            yield Piece(tuple(piece), is_whole, sum(costs), max(costs), -(-len(piece) // self._unit))
