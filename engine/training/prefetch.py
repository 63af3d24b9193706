"""Prepare batches ahead of time in a separate thread, while the model computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import torch

from engine.data.batching import BatchOrder
from engine.training.micro_batches import MicroBatching, Step

_AHEAD = 3  # steps


class Prefetcher:
    """Iterates over the steps of a run in order; features are computed here and not stored."""

    def __init__(self, order: BatchOrder, micro_batching: MicroBatching, limit: float) -> None:
        """A thread that has not started.

        Args:
            order: of the batches.
            micro_batching: splits them.
            limit: largest cost of a micro-batch.
        """
        self._order, self._micro_batching, self._limit = order, micro_batching, limit
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
        return self._micro_batching.step(batch, self._limit, self._order.position)
