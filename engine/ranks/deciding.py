"""Decide a run's ranks once: all workers, and a resumed run, use the same."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from engine.data.example import AnyExample
from engine.errors import ObjectNotFoundError
from engine.families.binding import Bound
from engine.methods.contract import AllocatesRanks
from engine.ranks.ranks import RANKS_KEY, Ranks
from engine.run.store import RunStore
from engine.training.parallel import Parallel


def decide_ranks(
    method: AllocatesRanks, bound: Bound, train: Sequence[AnyExample], folder: Path, store: RunStore, parallel: Parallel
) -> Ranks | None:
    """The ranks that a method asks for, which it follows from now on; None: the same for all layers.

    Args:
        method: of the run.
        bound: the base with its task; as it was when this returns.
        train: the training examples.
        folder: of the dataset version.
        store: of the run's files; the first worker writes the ranks there, or reads those that the run began with.
        parallel: this worker's rank; every worker must call this.

    Raises:
        ConfigError: what was asked does not suit the model or the data.
        TrainingError: a gradient is not finite.
    """
    kept = _stored(store) if parallel.is_first else None
    told = parallel.gather_json(kept)[0]
    if told is None:
        ranks = method.allocate(bound, train, folder, parallel)
        told = parallel.gather_json(ranks.model_dump(mode="json") if ranks is not None else None)[0]
        if told is None:
            return None
        if parallel.is_first:
            store.put_bytes(RANKS_KEY, Ranks.model_validate(told).model_dump_json(indent=1).encode())
    ranks = Ranks.model_validate(told)
    method.use_ranks(ranks)
    return ranks


def _stored(store: RunStore) -> object:
    with contextlib.suppress(ObjectNotFoundError):
        return Ranks.model_validate_json(store.get_bytes(RANKS_KEY)).model_dump(mode="json")
    return None
