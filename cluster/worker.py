"""The training task on each worker: prepare the inputs of the training stage, and call it.

Imports neither torch nor the engine's stages at the top: the driver and Ray Train's controller read this module too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster.config import ResourcesConfig, RunConfig
from cluster.errors import ClusterError, ObjectStorageError
from cluster.event_relay import DeliveryError, EventRelay, Hub
from cluster.in_training import in_training
from cluster.resource_use import ResourceUse
from cluster.stop_flag import StopFlag
from cluster.storage.dataset_cache import ON_PLATFORM, local_dataset, local_selection, report_address
from cluster.storage.model_cache import fetch_model
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings, usable_home
from engine.data.telling import tell_report
from engine.errors import EngineError, ObjectNotFoundError, StorageError
from engine.process.threads import compute_threads, wait_passively
from engine.run.events import Event, EventSink, MemorySink

if TYPE_CHECKING:
    from engine.run.training_result import RunResult

FAILURE_KEY: Final = "failure.json"
_LONGEST_MESSAGE: Final = 4000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """A worker's rank within its run."""

    rank: int = 0
    workers: int = 1
    workers_here: int = 1
    """Number of workers on the same node."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The workers' assignment, sent by the driver."""

    config: RunConfig
    storage: S3Settings
    """Object store with an endpoint; its home is the driver's and used only if this node can create the folder."""
    uri: str
    """Folder of the run's files: `s3://bucket/prefix`."""
    attempt: str
    """Id of this launch of the driver."""
    beside: tuple[str, ...] = ()
    """Folders that relative paths of the data are looked up in."""
    job_id: str | None = None
    """The platform's job, if events go to the hub."""

    def __call__(self) -> None:
        """Ray Train's function: one call on each worker."""
        import ray.train

        context = ray.train.get_context()
        place = Place(context.get_world_rank(), context.get_world_size(), context.get_local_world_size())
        result = run(self, place)
        # Once, at the end: a report waits for Ray Train's controller.
        ray.train.report(result.model_dump(mode="json") if result else {"status": "failed"})


def run(assignment: Assignment, place: Place, stage: Callable[..., RunResult] | None = None) -> RunResult | None:
    """Train as one worker of a run; the result is also in the run's files.

    A failure that a retry would repeat (bad data, a model that does not fit the config) is written to `failure.json`, and
    None is returned; workers that restart for the same attempt return None immediately. Any other error is raised, and Ray
    Train restarts the workers.

    Args:
        assignment: the run.
        place: this worker's rank.
        stage: `engine.stages.finetune.finetune`; tests pass another.
    """
    prepare_process(assignment.config.resources, place)
    storage = replace(assignment.storage, home=usable_home(assignment.storage.home))
    store = S3RunStore.at(assignment.uri, storage)
    if read_failure(store, assignment.attempt) is not None:
        return None
    with contextlib.ExitStack() as stack:
        events: EventSink = MemorySink()
        should_stop: Callable[[], bool] = _never
        if place.rank == 0:
            events = stack.enter_context(EventRelay(store, assignment.job_id))
            should_stop = stack.enter_context(StopFlag(store))
        work = stack.enter_context(_work_folder())
        try:
            config = assignment.config
            beside = [Path(folder) for folder in assignment.beside]
            model = fetch_model(config.model, storage)
            data = local_dataset(
                config.data,
                storage,
                beside=beside,
                language=config.training.task.text_language,
                task=config.training.task.type,
            )
            if place.rank == 0:
                where = ON_PLATFORM if assignment.job_id else report_address(config.data, data)
                tell_report(events, data, where)
            selection = None
            if config.selection is not None:
                selection = local_selection(config.selection, storage, work / "selection", beside=beside)
            from engine.training.parallel import SINGLE, Parallel

            return (stage or _finetune())(
                model=model,
                data=data,
                config=config.training,
                store=store,
                events=events,
                work_dir=work,
                parallel=Parallel.from_distributed() if place.workers > 1 else SINGLE,
                should_stop=should_stop,
                threads=int(os.environ["OMP_NUM_THREADS"]),
                selection=selection,
                while_training=partial(_training, store, place, assignment, events),
            )
        except Exception as error:
            _tell(events, assignment.attempt, error)
            if not _would_happen_again(error):
                raise
            _write_failure(store, assignment.attempt, error)
            if place.workers > 1:
                raise  # others may be waiting for this one; all restart and return immediately
            return None


def prepare_process(resources: ResourcesConfig, place: Place) -> None:
    """Set the threads and devices of this process.

    Ray Train has imported torch by now, in the environment of `cluster.trainer.worker_variables`; `finetune` sets the
    number of torch's threads.
    """
    threads = resources.threads_per_worker or compute_threads(place.workers_here)
    # Ray sets the number of reserved CPUs, which may differ from the number of processors.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    wait_passively()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not resources.gpus_per_worker:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a GPU that was not requested may belong to another job


def read_failure(store: S3RunStore, attempt: str) -> str | None:
    """Why an attempt failed permanently; None if it did not."""
    try:
        record = json.loads(store.get_bytes(FAILURE_KEY))
    except ObjectNotFoundError:
        return None
    return str(record["message"]) if record["attempt"] == attempt else None


def _would_happen_again(error: Exception) -> bool:
    """Whether a retry would fail the same way; a store that does not answer may answer later."""
    return isinstance(error, EngineError | ClusterError) and not isinstance(error, ObjectStorageError)


def _write_failure(store: S3RunStore, attempt: str, error: Exception) -> None:
    record = {"attempt": attempt, "type": type(error).__name__, "message": _told(error)}
    try:
        store.put_bytes(FAILURE_KEY, json.dumps(record, indent=1).encode("utf-8", "replace"))
    except StorageError as storage_error:
        _log.warning("the failure could not be written to the run's files: %s", storage_error)


def _tell(events: EventSink, attempt: str, error: Exception) -> None:
    """Record a worker's error in the run's events, as a warning, because only the driver knows if it is the last attempt."""
    _log.error("this worker failed", exc_info=error)
    data = {"level": "warning", "message": f"a worker failed: {_told(error)}"}
    events.emit(Event("log", f"{attempt}/worker-failure/{time.time_ns():x}", data))


def _told(error: Exception) -> str:
    own = isinstance(error, EngineError | ClusterError)
    return (str(error) if own else "".join(traceback.format_exception_only(error)).strip())[-_LONGEST_MESSAGE:]


@contextlib.contextmanager
def _training(store: S3RunStore, place: Place, assignment: Assignment, events: EventSink) -> Iterator[None]:
    """Within: this worker trains, and its use of resources is measured."""
    report = _reporting(events, assignment, place)
    with in_training(store, place.rank), ResourceUse(report, assignment.attempt, place.rank):
        yield


def _reporting(events: EventSink, assignment: Assignment, place: Place) -> Callable[[Event], None]:
    """How a worker reports its use of resources: the first one with its events, the others straight to the hub."""
    if place.rank == 0:
        return events.emit
    hub = Hub(assignment.job_id) if assignment.job_id is not None else None

    def report(event: Event) -> None:
        if hub is not None:
            with contextlib.suppress(DeliveryError):  # a sample may be lost
                hub.deliver([event.to_json()])

    return report


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lim-work-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _finetune() -> Callable[..., RunResult]:
    from engine.stages.finetune import finetune

    return finetune


def _never() -> bool:
    return False
