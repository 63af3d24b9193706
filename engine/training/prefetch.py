"""Prepare batches ahead of time in a separate thread, while the model computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.config.training import BatchConfig
from engine.data.batching import Batch, BatchOrder, Costs, Position, micro_batches
from engine.data.example import AnyExample
from engine.families.contract import AnyLearner, Indivisible, PadsSomeWhole
from engine.training.parallel import Parallel

_AHEAD = 3  # steps


@dataclass(frozen=True, slots=True)
class Step:
    """This worker's part of one optimizer step."""

    batch: Batch
    micro_batches: list[Any]
    target_count: int
    """Number of targets of the whole step, over all workers."""
    after: Position
    """Position in the batch order after this step."""


class Prefetcher:
    """Iterates over the steps of a run in order; features are computed here and not stored."""

    def __init__(
        self,
        order: BatchOrder,
        learner: AnyLearner,
        examples: Sequence[AnyExample],
        folder: Path,
        *,
        costs: Costs,
        batch: BatchConfig,
        parallel: Parallel,
        seed: int,
    ) -> None:
        self._order, self._learner, self._examples, self._folder = order, learner, examples, folder
        self._padded = costs.padded
        self._micro_batch_cost = batch.micro_batch_cost
        self._parallel = parallel
        self._seed = seed
        self._unit = learner.unit if isinstance(learner, Indivisible) else 1
        self._queue: queue.Queue[Step | Exception] = queue.Queue(maxsize=_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)

    def __enter__(self) -> Prefetcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Step]:
        while True:
            item = self._queue.get()
            if isinstance(item, Exception):
                raise item
            yield item

    def _run(self) -> None:
        torch.set_num_threads(1)  # for this thread only: the model's threads need the processor
        while not self._stopped.is_set():
            try:
                item: Step | Exception = self._next()
            except Exception as error:  # noqa: BLE001 - handed to the training thread, which raises it
                item = error
            while not self._stopped.is_set():
                try:
                    self._queue.put(item, timeout=0.1)
                    break
                except queue.Full:
                    continue

    def _next(self) -> Step:
        batch = self._order.next()
        plain = [i for i in batch.indices if i not in batch.whole_window]
        ready = self._ready(batch, plain, self._padded, self._learner.collate)
        if batch.whole_window and isinstance(self._learner, PadsSomeWhole):
            padded = [self._learner.whole_window_cost] * len(self._padded)
            ready += self._ready(batch, batch.whole_window, padded, self._learner.collate_whole)
        target_count = self._learner.target_count([self._examples[i] for i in batch.indices])
        return Step(batch, ready, target_count, self._order.position)

    def _ready(
        self, batch: Batch, indices: Sequence[int], padded: Sequence[float], collate: Callable[..., Any]
    ) -> list[Any]:
        """Split some of a batch's examples into this worker's micro-batches."""
        pieces = micro_batches(
            indices,
            padded,
            micro_batch_cost=self._micro_batch_cost,
            rank=self._parallel.rank,
            world_size=self._parallel.world_size,
            unit=self._unit,
        )
        at = batch.position
        return [
            collate(
                [self._examples[i] for i in piece],
                self._folder,
                # Augmentation depends only on the position in the run, not on the worker or thread.
                [(self._seed, at.step, at.epoch, i) for i in piece],
            )
            for piece in pieces
        ]
