"""One launch of a sweep: check it, join a cluster, make what trials share, run the trials, write the result."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cluster.errors import InfeasibleError, RefusedError
from cluster.failures import failure_told
from cluster.finished import given_again
from cluster.launch import CONFIG_KEY, RESULT_KEY, Signals, check_same_run, read_result
from engine.config.selection import SelectionConfig
from engine.errors import Fault
from engine.run.code_version import code_version
from engine.run.events import EventSink, now_rfc3339
from engine.run.provenance.inputs import Inputs, begin
from engine.run.provenance.stages import training_inputs
from engine.run.reporter import Reporter, artifact
from tuning.sweep.config import SweepRunConfig
from tuning.sweep.front import PICTURE, draw_fronts, fronts
from tuning.sweep.memory import trial_bytes, trials_that_fit
from tuning.sweep.result import SWEEP_KEY, SweepResult, SweepSummary
from tuning.sweep.space import heaviest, selection_at, sketched
from tuning.sweep.trials import TRIALS, best_of

if TYPE_CHECKING:
    from cluster.storage.run_store import S3RunStore
    from cluster.storage.settings import S3Settings
    from engine.ranks.ranks import Ranks
    from tuning.sweep.sweep import Sweep
    from tuning.sweep.trial import Surroundings

_SAME: Final = ("model", "data", "selection", "training", "search")
_PROJECT: Final = Path(__file__).resolve().parents[2]
log = logging.getLogger("tuning.sweep")


def run(config: SweepRunConfig) -> Mapping[str, Any]:
    """Run a sweep on the cluster and wait for its end; on SIGINT or SIGTERM its trials save checkpoints, and it ends.

    Returns the content of `result.json`.

    Raises:
        ConfigError: the sweep exists already, with another model, data or config.
        ClusterError: no cluster or store, resources that no node has, or no trial that could be trained.
        KeyboardInterrupt: a second signal.
    """
    from cluster.event_relay import EventRelay
    from cluster.runtime import start_or_connect
    from cluster.stop_flag import STOP_KEY, StopFlag
    from cluster.storage.client import ensure_bucket, make_client, parse_s3_uri
    from cluster.storage.embedded import connected
    from cluster.storage.run_store import S3RunStore
    from cluster.storage.settings import S3Settings

    started = time.perf_counter()
    job_id = os.environ.get("LIM_JOB_ID") or None
    with contextlib.ExitStack() as stack:
        storage = stack.enter_context(connected(S3Settings.from_environment()))
        uri = config.storage or f"s3://{storage.bucket}/sweeps/{config.name}"
        bucket, prefix = parse_s3_uri(uri)
        client = make_client(storage)
        if bucket != storage.bucket:
            ensure_bucket(client, bucket, storage.region)
        store = S3RunStore(client, bucket, prefix)
        check_same_run(store, config, _SAME)
        if read_result(store, "succeeded") is not None:
            return given_again(store, _inputs(config, storage), "tried", log)
        store.put_bytes(CONFIG_KEY, config.model_dump_json(indent=1).encode())
        stack.enter_context(start_or_connect(dashboard=False))
        if job_id is None:
            store.delete(STOP_KEY)
        events = stack.enter_context(EventRelay(store, job_id))
        stack.enter_context(failure_told(events))
        reporter = Reporter(events)
        should_stop = stack.enter_context(StopFlag(store))
        reporter.phase("loading")
        begin(store, _inputs(config, storage), parts=(TRIALS,))
        surroundings = _surroundings(config, storage, uri)
        log.info("sweep %s: files go to %s", config.name, uri)
        sweep = _prepared(config, surroundings, store, events, reporter, should_stop)
        reporter.phase("training")
        _run_trials(config, sweep, surroundings, store)
        reporter.phase("saving")
        result = _result(config, sweep, time.perf_counter() - started)
        _write(result, store, reporter)
        reporter.phase("done", status=result.status)
        return _summary(result).model_dump(mode="json")


def _inputs(config: SweepRunConfig, storage: S3Settings) -> Inputs:
    """The sweep's inputs on this node."""
    from cluster.storage.dataset_cache import local_dataset
    from cluster.storage.model_cache import fetch_model

    task = config.training.task
    data = local_dataset(
        config.data, storage, beside=[Path.cwd(), _PROJECT], language=task.text_language, task=task.type
    )
    inputs = training_inputs(fetch_model(config.model, storage), data, config.training, None)
    own = {"search": config.search, "selection": config.selection}
    settings = {name: each.model_dump(mode="json") for name, each in own.items() if each is not None}
    given = {
        name: each.model_dump(mode="json", exclude_defaults=True) for name, each in own.items() if each is not None
    }
    return inputs.model_copy(update={"settings": {**inputs.settings, **settings}, "given": {**inputs.given, **given}})


def _surroundings(config: SweepRunConfig, storage: S3Settings, uri: str) -> Surroundings:
    """Model, data and place of every trial; rejected if no node could ever hold one."""
    from cluster.runtime import check_feasible
    from cluster.storage.model_cache import fetch_model
    from tuning.sweep.trial import Surroundings

    resources = config.resources.worker()
    if resources.memory_bytes_per_worker is None and not resources.gpus_per_worker:
        needed = trial_bytes(fetch_model(config.model, storage), heaviest(config.search.dimensions, config.training))
        resources = resources.model_copy(update={"memory_bytes_per_worker": needed})
    try:
        check_feasible(resources)
    except InfeasibleError as error:
        faults = [
            Fault(f"resources.{fault.path.replace('_per_worker', '_per_trial')}".rstrip("."), fault.message)
            for fault in error.faults
        ]
        raise InfeasibleError(faults) from None
    beside = tuple(dict.fromkeys((str(Path.cwd()), str(_PROJECT))))
    return Surroundings(config.model, config.data, resources, config.search.scheduler, storage, uri, beside)


def _prepared(
    config: SweepRunConfig,
    surroundings: Surroundings,
    store: S3RunStore,
    events: EventSink,
    reporter: Reporter,
    should_stop: Callable[[], bool],
) -> Sweep:
    """The sweep, with what its trials share."""
    from tuning.sweep.preparing import shared_selection, shared_sketch
    from tuning.sweep.sweep import Sweep

    sketch: Ranks | None = None
    if sketched(config.training) is not None:
        reporter.phase("allocating")
        log.info("measuring the gradient, once for all trials")
        sketch = shared_sketch(surroundings, store, config.training)
    selections = {}
    for selection in _selections(config):
        selections[selection.model_dump_json()] = shared_selection(surroundings, store, config.training, selection)
    return Sweep(config, store, events, sketch=sketch, selections=selections, should_stop=should_stop)


def _selections(config: SweepRunConfig) -> Iterator[SelectionConfig]:
    """Every selection that a trial may train on."""
    if config.selection is None:
        return
    own = {
        path: each.listed() or () for path, each in config.search.dimensions.items() if path.startswith("selection.")
    }
    for values in itertools.product(*own.values()):
        found = selection_at(dict(zip(own, values, strict=True)), config.selection)
        if found is not None:
            yield found


def _run_trials(config: SweepRunConfig, sweep: Sweep, surroundings: Surroundings, store: S3RunStore) -> None:
    import ray

    from tuning.sweep.tuner import run_trials

    if sweep.remaining == 0 or sweep.should_stop():
        return
    most = min(config.resources.trials_at_once or sweep.remaining, sweep.remaining)
    at_once = trials_that_fit(surroundings.resources, ray.available_resources(), most)
    log.info("%d of %d trials to go, %d at a time", sweep.remaining, config.search.trials, at_once)
    with tempfile.TemporaryDirectory(prefix="lim-tune-") as folder:
        run_trials(
            sweep,
            surroundings,
            at_once=at_once,
            folder=Path(folder),
            wait=lambda thread: _wait(thread, store),
        )


def _wait(thread: threading.Thread, store: S3RunStore) -> None:
    """Wait for Ray Tune; on a signal, ask the trials to save checkpoints and end."""
    from cluster.stop_flag import STOP_KEY

    with Signals() as signals:
        asked = False
        while thread.is_alive():
            thread.join(0.2)
            if signals.count and not asked:
                asked = True
                log.info("stopping: trials save a checkpoint and end; a second signal ends them immediately")
                store.put_bytes(STOP_KEY, b"")
            if signals.count > 1:
                raise KeyboardInterrupt


# ---- the result -------------------------------------------------------------------------------------------


def _result(config: SweepRunConfig, sweep: Sweep, wall_s: float) -> SweepResult:
    trials = sweep.results()
    complete = sweep.remaining == 0
    best = best_of(trials)
    if complete and best is None:
        reasons = list(dict.fromkeys(trial.error for trial in trials if trial.error is not None))
        raise RefusedError(f"all {len(trials)} trials failed: {'; '.join(reasons[:3])}")
    return SweepResult(
        status="succeeded" if complete else "stopped",
        primary=best.primary if best is not None else None,
        best=best,
        best_config=sweep.best_config(),
        front=fronts(trials),
        trials_by_state=dict(Counter(trial.state for trial in trials)),
        wall_s=wall_s,
        finished_at=now_rfc3339(),
        code_version=code_version(),
        trials=trials,
    )


def _summary(result: SweepResult) -> SweepSummary:
    return SweepSummary.model_validate(result.model_dump(exclude={"trials"}))


def _write(result: SweepResult, store: S3RunStore, reporter: Reporter) -> None:
    """Write `sweep.json`, the picture and, last, `result.json`, whose presence marks a finished sweep."""
    with tempfile.TemporaryDirectory(prefix="lim-sweep-") as folder:
        report, picture = Path(folder) / SWEEP_KEY, Path(folder) / PICTURE
        report.write_text(result.model_dump_json(indent=1), encoding="utf-8")
        made = [(report, "sweep")]
        if draw_fronts(result.trials, picture):
            made.append((picture, "plot"))
        for path, kind in made:
            store.put(path.name, path)
            reporter.emit(artifact(path.name, kind, path, version=result.finished_at))
    store.put_bytes(RESULT_KEY, json.dumps(_summary(result).model_dump(mode="json"), indent=1).encode())
