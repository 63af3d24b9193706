"""Recognise workers that were killed for memory, so that they restart with smaller micro-batches.

Ray's memory monitor says that it killed a worker. The kernel's out-of-memory killer says nothing to Ray, to which a SIGKILL
is a SIGKILL, but counts its kills: a worker that died while the count of its control group rose is taken for its victim.
Anything else that ends a worker is an ordinary failure.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError
from ray.train import UserCallback
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.errors import RunFailedError, failed_permanently
from cluster.in_training import IN_TRAINING, InTraining, workers_in_training
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from engine.errors import StorageError
from engine.process.oom_kills import count_in
from engine.run.step_downs import MemoryKill, add_kill, read_kills
from engine.run.store import RunStore

MOST_KILLS: Final = 60
"""Kills for memory after which workers restart in one launch. A limit of micro-batches is not halved so often: the run says
before that nothing is left to change."""
_ANSWER_S: Final = 30.0
_LONGEST_REASON: Final = 200
_log = logging.getLogger(__name__)


class MemoryWatch(UserCallback):
    """Judges each failure of the workers, in Ray Train's controller.

    Ray Train itself counts every failure alike. Its limit is `MOST_KILLS` higher than the run's, and this class ends the
    run when failures of another kind use up `max_failures`.
    """

    def __init__(self, uri: str, storage: S3Settings, max_failures: int) -> None:
        """A watch of one launch.

        Args:
            uri: folder of the run's files.
            storage: object store that holds them.
            max_failures: restarts after failures that are no kills for memory.
        """
        self._uri, self._storage, self._max_failures = uri, storage, max_failures
        self._failures = 0

    def after_exception(self, run_context: Any, worker_exceptions: Mapping[int, Exception]) -> None:
        """Record a kill for memory, or count a failure.

        Raises:
            RunFailedError: the failures of another kind are too many.
        """
        causes = {rank: getattr(error, "health_check_failure", error) for rank, error in worker_exceptions.items()}
        if any(isinstance(cause, RayActorError) and cause.preempted for cause in causes.values()):
            return  # Ray Train restarts these without limit
        kill = None
        try:
            store = S3RunStore.at(self._uri, self._storage)
            kill = find_kill(workers_in_training(store), causes)
            store.delete(IN_TRAINING)
            if kill is not None:
                add_kill(store, kill)
        except StorageError as error:
            _log.warning("it is unknown if workers were killed for memory: %s", error)
        if kill is not None:
            _log.warning("worker %d was killed for memory: %s", kill.rank, kill.found)
            return
        self._failures += 1
        if self._failures > self._max_failures:
            raise RunFailedError(failed_permanently(worker_exceptions))


def record_kill_of_controller(store: RunStore, error: Exception, known: int) -> bool:
    """Record a kill for memory that took the controller of the workers or its actors too; whether training was short of memory.

    Args:
        store: of the run's files.
        error: what Ray says about the controller.
        known: number of kills on record when the controller started; it may have recorded one before it was killed.
    """
    workers = workers_in_training(store)
    store.delete(IN_TRAINING)
    if len(read_kills(store)) > known:
        return True
    if not workers:
        return False
    add_kill(store, MemoryKill(rank=workers[0].rank, found=f"Ray's memory monitor: {in_short(error)}"))
    return True


def find_kill(workers: list[InTraining], causes: Mapping[int, BaseException]) -> MemoryKill | None:
    """The kill for memory among a failure's causes; None if there is none, or it was not training that needed memory.

    Args:
        workers: those that were training when the failure was found.
        causes: what Ray says about the workers that failed, by rank.
    """
    for worker in workers:
        cause = causes.get(worker.rank)
        if isinstance(cause, OutOfMemoryError):
            return MemoryKill(rank=worker.rank, found=f"Ray's memory monitor: {in_short(cause)}")
    for worker in workers:
        if not isinstance(causes.get(worker.rank), RayActorError) or worker.kills is None:
            continue
        now = _count_on(worker.node_id, worker.kills.path)
        if now is not None and now > worker.kills.count:
            found = f"the kernel's out-of-memory killer: {worker.kills.path} counts {now} kills, {worker.kills.count} before"
            return MemoryKill(rank=worker.rank, found=found)
    return None


def in_short(error: Exception) -> str:
    """The figures in Ray's report of a kill."""
    lines = str(error).splitlines()
    reasons = [line.partition("OOM kill reason: ")[2] for line in lines if line.startswith("OOM kill reason: ")]
    return (reasons or lines or [type(error).__name__])[0][:_LONGEST_REASON]


def _count_on(node_id: str, path: str) -> int | None:
    """The kernel's count in a file of a node; None if the node does not answer."""
    if node_id == ray.get_runtime_context().get_node_id():
        return count_in(Path(path))
    place = NodeAffinitySchedulingStrategy(node_id, soft=False)
    asked = ray.remote(_read_count).options(num_cpus=0, scheduling_strategy=place).remote(path)
    try:
        found: int | None = ray.get(asked, timeout=_ANSWER_S)
    except RayError as error:
        _log.warning("node %s does not say how many processes the kernel killed: %s", node_id, error)
        return None
    return found


def _read_count(path: str) -> int | None:
    return count_in(Path(path))
