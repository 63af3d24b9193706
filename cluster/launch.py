"""One launch of a run: check it, start or join a cluster, start the workers, wait for them.

Imports neither torch nor Ray at the top, so that a faulty config is rejected before either is loaded.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from urllib.parse import urlsplit

from cluster.config import RunConfig
from cluster.errors import (
    ClusterError,
    InfeasibleError,
    KilledForMemoryError,
    RefusedError,
    RunFailedError,
    StorageSettingsError,
    failed_permanently,
)
from cluster.failures import tell_failure
from engine.errors import ConfigError, EngineError, Fault, ObjectNotFoundError, StorageError
from engine.models.reference import ModelReference
from engine.run.provenance.inputs import changed, completed, shown
from engine.run.step_downs import read_kills
from engine.run.store import RunStore

if TYPE_CHECKING:
    from cluster.narrator import Narrator
    from cluster.storage.run_store import S3RunStore
    from cluster.storage.settings import S3Settings
    from engine.run.training_result import RunResult

CONFIG_KEY: Final = "config.json"
RESULT_KEY: Final = "result.json"
TRAIN_FOLDER: Final = "ray-train"
_SAME: Final = ("model", "data", "selection", "training")
_PROJECT: Final = Path(__file__).resolve().parents[1]
_log = logging.getLogger("cluster.train")


def launch(config: RunConfig) -> RunResult:
    """Run a config on the cluster and wait for its end; on SIGINT or SIGTERM, the run saves a checkpoint and ends.

    Raises:
        ConfigError: the run exists already, with another model, data or training config.
        ClusterError: no cluster or store, resources that no node has, or workers that failed permanently.
        KeyboardInterrupt: a signal before training began, or a second signal.
    """
    told = run(config)
    # Not at the top: it imports torch, and a faulty config is rejected before that.
    from engine.run.training_result import RunResult

    return RunResult.model_validate(told)


def run(config: RunConfig) -> Mapping[str, Any]:
    """Same as `launch`, but returns the content of `result.json`."""
    with contextlib.ExitStack() as stack:
        return _Launch(config, stack).run()


class _Launch:
    def __init__(self, config: RunConfig, stack: contextlib.ExitStack) -> None:
        self._config = config
        self._stack = stack
        self._job_id = os.environ.get("LIM_JOB_ID") or None
        self._attempt = f"{time.time_ns():x}"

    def run(self) -> Mapping[str, Any]:
        self._open_store()
        check_same_run(self._store, self._config, _SAME)
        if read_result(self._store, "succeeded") is not None:
            return self._finished_before()
        try:
            self._prepare()
            self._join_cluster()
            self._check_store_is_in_reach()
            self._train()
            return self._outcome()
        except (EngineError, ClusterError) as error:
            self._tell(error)
            raise

    def _finished_before(self) -> Mapping[str, Any]:
        """The stored result, if it was made from the same model, data and selection."""
        from cluster.finished import given_again
        from cluster.storage.dataset_cache import local_dataset, local_selection
        from cluster.storage.model_cache import fetch_model
        from engine.run.provenance.stages import training_inputs

        config = self._config
        beside = [Path.cwd(), _PROJECT]
        model = fetch_model(config.model, self._storage)
        data = local_dataset(
            config.data,
            self._storage,
            beside=beside,
            language=config.training.task.text_language,
            task=config.training.task.type,
        )
        with tempfile.TemporaryDirectory(prefix="lim-selection-") as folder:
            selection = None
            if config.selection is not None:
                selection = local_selection(config.selection, self._storage, Path(folder), beside=beside)
            inputs = training_inputs(model, data, config.training, selection)
        return given_again(self._store, inputs, "trained", _log)

    def _join_cluster(self) -> None:
        """Connect, and check that the cluster has the resources."""
        from cluster.runtime import check_feasible, live_nodes, start_or_connect

        resources = self._config.resources
        try:
            self._stack.enter_context(start_or_connect(dashboard=False))
            self._nodes = live_nodes()
            check_feasible(resources, self._nodes)
        except InfeasibleError as error:
            faults = [Fault(f"resources.{fault.path}".rstrip("."), fault.message) for fault in error.faults]
            raise InfeasibleError(faults) from None

    def _open_store(self) -> None:
        from cluster.storage.client import ensure_bucket, make_client, parse_s3_uri
        from cluster.storage.embedded import connected
        from cluster.storage.run_store import S3RunStore
        from cluster.storage.settings import S3Settings

        self._storage: S3Settings = self._stack.enter_context(connected(S3Settings.from_environment()))
        self._uri = self._config.storage or f"s3://{self._storage.bucket}/runs/{self._config.name}"
        bucket, prefix = parse_s3_uri(self._uri)
        client = make_client(self._storage)
        if bucket != self._storage.bucket:
            ensure_bucket(client, bucket, self._storage.region)
        self._store: S3RunStore = S3RunStore(client, bucket, prefix)

    def _prepare(self) -> None:
        from cluster.in_training import IN_TRAINING
        from cluster.stop_flag import STOP_KEY

        self._store.delete(IN_TRAINING)  # of workers that died with their driver
        self._store.put_bytes(CONFIG_KEY, self._config.model_dump_json(indent=1).encode())
        if self._job_id is None:
            # Launching a stopped run again resumes it. On the platform, the flag is a request to the current job.
            self._store.delete(STOP_KEY)

    def _check_store_is_in_reach(self) -> None:
        hosts = {node.address.rpartition(":")[0] for node in self._nodes}
        if len(hosts) > 1 and urlsplit(self._storage.endpoint_url or "").hostname in {"127.0.0.1", "localhost", "::1"}:
            raise StorageSettingsError(
                f"the object store is at {self._storage.endpoint_url}, which only this machine can reach, and the "
                f"cluster has nodes on {len(hosts)} machines; set S3_ENDPOINT_URL to a store that all of them reach"
            )

    def _train(self) -> None:
        from cluster.memory_kills import MOST_KILLS, in_short, record_kill_of_controller
        from cluster.narrator import Narrator
        from cluster.trainer import TRAIN_ENVIRONMENT, build_trainer
        from cluster.worker import Assignment

        for name, value in TRAIN_ENVIRONMENT.items():
            os.environ.setdefault(name, value)

        assignment = Assignment(
            config=self._config,
            storage=self._storage,
            uri=self._uri,
            attempt=self._attempt,
            beside=tuple(dict.fromkeys((str(Path.cwd()), str(_PROJECT)))),
            job_id=self._job_id,
        )
        _log.info("run %s: files go to %s", self._config.name, self._uri)
        narrator = Narrator(self._store, _log)
        try:
            for start in range(1 + MOST_KILLS):
                trainer = build_trainer(
                    assignment,
                    resources=self._config.resources,
                    name=f"{self._config.name}-{self._attempt}-{start}",
                    storage=self._storage,
                    folder=f"{self._store.bucket}/{self._store.prefix}/{TRAIN_FOLDER}",
                )
                known = len(read_kills(self._store))
                try:
                    return _fit(trainer, self._store, narrator)
                except KilledForMemoryError as error:
                    if start == MOST_KILLS or not record_kill_of_controller(self._store, error, known):
                        raise
                    _log.warning("Ray killed the run's controller for memory: %s", in_short(error))
        finally:
            with contextlib.suppress(StorageError):
                self._store.delete(TRAIN_FOLDER)

    def _outcome(self) -> Mapping[str, Any]:
        from cluster.worker import read_failure

        reason = read_failure(self._store, self._attempt)
        if reason is not None:
            raise RefusedError(reason)
        result = read_result(self._store)
        if result is None:
            raise RunFailedError(f"the workers ended without a result in {self._uri}; see the job's log")
        return result

    def _tell(self, error: Exception) -> None:
        """Record the reason in the run's events, where the platform looks for it."""
        from cluster.event_relay import EventRelay

        with EventRelay(self._store, self._job_id) as events:
            tell_failure(events, error)


# ---- waiting for the workers ------------------------------------------------------------------------------


def _fit(trainer: Any, store: S3RunStore, narrator: Narrator) -> None:
    """Run the trainer to its end and log progress; on a signal, ask the run to save a checkpoint and end.

    Ray Train waits in its own thread: in the main thread it would handle SIGINT itself and end without a checkpoint.
    """
    from ray.exceptions import OutOfMemoryError, RayError
    from ray.train import TrainingFailedError

    errors: list[BaseException] = []

    def fit() -> None:
        try:
            trainer.fit()
        except BaseException as error:  # noqa: BLE001  re-raised in the thread that waits
            errors.append(error)

    waiting = threading.Thread(target=fit, name="ray-train", daemon=True)
    with Signals() as signals:
        waiting.start()
        asked = False
        while waiting.is_alive():
            waiting.join(0.2)
            narrator.look()
            if signals.count and not asked:
                asked = True
                narrator.look(now=True)  # training may have begun since the last look
                if not narrator.has_begun:
                    raise KeyboardInterrupt
                _log.info("stopping: the run saves a checkpoint and ends; a second signal ends it immediately")
                store.put_bytes("stop", b"")
            if signals.count > 1:
                raise KeyboardInterrupt
    narrator.look(now=True)
    if errors:
        error = errors[0]
        controller_failure = getattr(error, "controller_failure", None)
        if isinstance(controller_failure, RunFailedError):
            raise controller_failure
        for killed in (error, controller_failure):  # the controller, or an actor that it needs
            if isinstance(killed, OutOfMemoryError):
                raise KilledForMemoryError(str(killed)) from error
        if isinstance(error, TrainingFailedError | RayError):
            failures = getattr(error, "worker_failures", None) or {0: controller_failure or error}
            raise RunFailedError(failed_permanently(failures)) from error
        raise error


class Signals:
    """Counts SIGINT and SIGTERM instead of ending the process; does nothing outside the main thread."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for name in (signal.SIGINT, signal.SIGTERM):
                self._before[name] = signal.signal(name, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


# ---- earlier launches of a run ----------------------------------------------------------------------------


class Named(Protocol):
    """The config of a driver."""

    @property
    def name(self) -> str:
        """Name of what it runs."""
        ...

    def model_dump(self, *, mode: Literal["json"], exclude_defaults: bool = False) -> dict[str, Any]:
        """Its fields as JSON."""
        ...


def check_same_run(store: RunStore, config: Named, fields: Sequence[str]) -> None:
    """Raise ConfigError if the store holds a run whose config differs in these fields."""
    try:
        before = json.loads(store.get_bytes(CONFIG_KEY))
    except (ObjectNotFoundError, ValueError):
        return
    now, given = config.model_dump(mode="json"), config.model_dump(mode="json", exclude_defaults=True)
    faults = []
    for field in fields:
        was, asked = _comparable(before.get(field), now[field])
        for path, old, new in changed(completed(was, asked, given.get(field)), asked, field):
            faults.append(
                Fault(path, f"found {shown(new)}; the run of the same name that began before has {shown(old)}")
            )
    if faults:
        raise ConfigError(
            [*faults, Fault("name", f"found {config.name!r}; give another name (or storage) to start anew")]
        )


def _comparable(before: Any, now: Any) -> tuple[Any, Any]:
    """Two values of a field; a model that an earlier release named is compared with the name of a reference."""
    if isinstance(before, str) and isinstance(now, dict):
        return before, ModelReference.model_validate(now).name
    return before, now


def read_result(store: RunStore, status: str | None = None) -> dict[str, Any] | None:
    """`result.json` of a run; None if there is none, or none with that status."""
    try:
        result = json.loads(store.get_bytes(RESULT_KEY))
    except (ObjectNotFoundError, ValueError):
        return None
    if not isinstance(result, dict) or status not in (None, result.get("status")):
        return None
    return result
