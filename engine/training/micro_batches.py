"""Split the batch of a step into micro-batches, and build those of this worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data.batching import Batch, Costs, Position, micro_batches
from engine.data.example import AnyExample
from engine.families.contract import AnyLearner, Indivisible, PadsSomeWhole, PadsToLongest
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
    company: tuple[int, ...]
    """The examples that they would be computed with in a run with enough memory; consecutive ones of them are `indices`."""
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

    @property
    def rows(self) -> slice:
        """Place of the examples in their company."""
        start = self.company.index(self.indices[0])
        return slice(start, start + len(self.indices))


class MicroBatching:
    """Splits batches into micro-batches of the config's limit, and divides those further when memory runs out.

    Dividing changes neither the examples of a step nor what is drawn for them. If a learner's results depend on padding, the
    pieces of a micro-batch stay as it was padded.
    """

    def __init__(
        self,
        learner: AnyLearner,
        examples: Sequence[AnyExample],
        folder: Path,
        *,
        costs: Costs,
        limit: float,
        parallel: Parallel,
        seed: int,
    ) -> None:
        """Micro-batches of a run.

        Args:
            learner: builds them.
            examples: of the run.
            folder: of the dataset version.
            costs: of the examples.
            limit: largest cost of a micro-batch if there is enough memory.
            parallel: this worker's rank.
            seed: of the random changes to the inputs.
        """
        self._learner, self._examples, self._folder = learner, examples, folder
        self._padded, self._limit = costs.padded, limit
        self._parallel, self._seed = parallel, seed
        self._unit = learner.unit if isinstance(learner, Indivisible) else 1

    def step(self, batch: Batch, limit: float, after: Position) -> Step:
        """This worker's part of a step.

        Args:
            batch: of all workers.
            limit: largest cost of a micro-batch now.
            after: position in the batch order after the step.
        """
        ready = [
            micro_batch
            for pieces in self._companies(batch, limit, self._parallel.rank)
            for micro_batch in self._collated(batch, pieces)
        ]
        return Step(batch, ready, self._learner.target_count([self._examples[i] for i in batch.indices]), after)

    def pieces(self, batch: Batch, limit: float) -> list[Piece]:
        """The micro-batches of all workers in one step."""
        ranks = range(self._parallel.world_size)
        return [piece for rank in ranks for pieces in self._companies(batch, limit, rank) for piece in pieces]

    def largest(self, batches: Iterable[Batch], limit: float) -> tuple[Batch, Piece]:
        """The micro-batch with the largest tensors, of all workers; of equal ones, that with the longest example."""
        found = ((batch, piece) for batch in batches for piece in self.pieces(batch, limit))
        return max(found, key=lambda each: (each[1].size, each[1].longest))

    def collate(self, batch: Batch, piece: Piece) -> Any:
        """Read the inputs of a micro-batch."""
        return self._collated(batch, [piece])[0]

    def _collated(self, batch: Batch, pieces: Sequence[Piece]) -> list[Any]:
        """The micro-batches of one company, whose inputs are read once."""
        learner, company = self._learner, pieces[0].company
        if not isinstance(learner, PadsToLongest) or pieces[0].indices == company:
            return [self._read(batch, piece.indices, piece.is_whole) for piece in pieces]
        read = self._read(batch, company, pieces[0].is_whole)
        costs = [sum(learner.costs([self._examples[i] for i in piece.indices])) for piece in pieces]
        return [learner.part(read, piece.rows, cost) for piece, cost in zip(pieces, costs, strict=True)]

    def _read(self, batch: Batch, indices: Sequence[int], is_whole: bool) -> Any:
        at, learner = batch.position, self._learner
        collate = learner.collate
        if is_whole and isinstance(learner, PadsSomeWhole):
            collate = learner.collate_whole
        # Augmentation depends only on the position in the run, not on the worker or thread.
        seeds = [(self._seed, at.step, at.epoch, i) for i in indices]
        return collate([self._examples[i] for i in indices], self._folder, seeds)

    def _companies(self, batch: Batch, limit: float, rank: int) -> Iterator[list[Piece]]:
        """A worker's micro-batches of the config's limit, each as the pieces that it is divided into."""
        learner, size = self._learner, self._parallel.world_size
        plain = [i for i in batch.indices if i not in batch.whole_window]
        for company in micro_batches(
            plain, self._padded, micro_batch_cost=self._limit, rank=rank, world_size=size, unit=self._unit
        ):
            yield self._divided(company, [self._padded[i] for i in company], limit, is_whole=False)
        if batch.whole_window and isinstance(learner, PadsSomeWhole):
            whole = [learner.whole_window_cost] * len(self._padded)
            for company in micro_batches(
                batch.whole_window, whole, micro_batch_cost=self._limit, rank=rank, world_size=size, unit=self._unit
            ):
                yield self._divided(company, [learner.whole_window_cost] * len(company), limit, is_whole=True)

    def _divided(self, company: Sequence[int], costs: Sequence[float], limit: float, *, is_whole: bool) -> list[Piece]:
        if isinstance(self._learner, PadsToLongest):
            costs = [max(costs)] * len(costs)
        rows = [list(range(len(company)))]
        if limit < self._limit:
            rows = micro_batches(rows[0], costs, micro_batch_cost=limit, rank=0, world_size=1, unit=self._unit)
        return [
            Piece(
                tuple(company[row] for row in chosen),
                tuple(company),
                is_whole,
                sum(costs[row] for row in chosen),
                max(costs[row] for row in chosen),
                -(-len(chosen) // self._unit),
            )
            for chosen in rows
        ]
