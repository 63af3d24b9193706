"""Attach a run's method to its base: decide ranks, attach, look ahead, and recompute activations if the config says so."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from engine.data.example import AnyExample
from engine.errors import ObjectNotFoundError
from engine.families.binding import Bound
from engine.methods.contract import AllocatesRanks, LooksAhead, Method
from engine.ranks.deciding import decide_ranks
from engine.ranks.ranks import Ranks
from engine.run.store import RunStore
from engine.training.parallel import Parallel
from engine.training.randomness import seed_worker

SEEN_KEY: Final = "seen.json"


@dataclass(frozen=True, slots=True)
class Attached:
    """A base with what is trained."""

    model: Any
    """The model to train."""
    ranks: Ranks | None
    """Ranks of the adapters, if the method allocated them."""
    warnings: dict[str, str]
    """Messages for the user, by event key."""


def attach(
    method: Method, bound: Bound, train: Sequence[AnyExample], folder: Path, store: RunStore, parallel: Parallel
) -> Attached:
    """Attach a method; every worker must call this, and all, like a resumed run, follow what was decided first.

    Args:
        method: of the run.
        bound: the base with its task.
        train: the training examples.
        folder: of the dataset version.
        store: of the run's files; keeps the ranks and what a method saw.
        parallel: this worker's rank.

    Raises:
        ConfigError: what was asked does not suit the model or the data.
        TrainingError: a gradient is not finite.
    """
    ranks = None
    warnings = {}
    if isinstance(method, AllocatesRanks):
        ranks = decide_ranks(method, bound, train, folder, store, parallel)
        if ranks is not None and (warning := ranks.unspent()):
            warnings["ranks/unspent"] = warning
    torch.manual_seed(bound.config.seed)
    model = method.attach(bound.base, bound.reference)
    if isinstance(method, LooksAhead):
        # Other processors may compute other features: all workers, and a resumed run, follow those of the first one.
        seen = _seen(method, bound, train, folder, store) if parallel.is_first else None
        method.follow(parallel.gather_json(seen)[0])
    if bound.config.gradient_checkpointing:
        bound.checkpoint_activations()
    seed_worker(bound.config.seed, parallel)
    return Attached(model, ranks, warnings)


def _seen(
    method: LooksAhead, bound: Bound, train: Sequence[AnyExample], folder: Path, store: RunStore
) -> Mapping[str, Any]:
    with contextlib.suppress(ObjectNotFoundError):
        kept: dict[str, Any] = json.loads(store.get_bytes(SEEN_KEY))
        return kept
    seen = method.look(bound.learner, train, folder)
    store.put_bytes(SEEN_KEY, json.dumps(seen).encode())
    return seen
