"""Which workers train, in the run's files: a worker that was killed cannot say what it did."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel, ConfigDict

from engine.errors import ObjectNotFoundError, StorageError
from engine.process.oom_kills import OomKills, oom_kills
from engine.run.store import RunStore

IN_TRAINING: Final = "in-training"


class InTraining(BaseModel):
    """A worker that trains."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int
    node_id: str
    """Ray's id of its node."""
    kills: OomKills | None
    """The kernel's count when it began."""


@contextlib.contextmanager
def in_training(store: RunStore, rank: int) -> Iterator[None]:
    """Within: the run's files say that this worker trains. They still do after it was killed."""
    import ray  # not at the top: the driver reads this module before it sets what Ray reads from the environment

    worker = InTraining(rank=rank, node_id=ray.get_runtime_context().get_node_id(), kills=oom_kills())
    store.put_bytes(f"{IN_TRAINING}/{rank}.json", worker.model_dump_json().encode())
    try:
        yield
    finally:
        with contextlib.suppress(StorageError):
            store.delete(f"{IN_TRAINING}/{rank}.json")


def workers_in_training(store: RunStore) -> list[InTraining]:
    """The workers that train, or were killed while they did."""
    workers = []
    for key in store.list(IN_TRAINING):
        with contextlib.suppress(ObjectNotFoundError):  # a worker that has just ended by itself
            workers.append(InTraining.model_validate_json(store.get_bytes(key)))
    return workers
