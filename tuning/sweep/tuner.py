"""The sweep on Ray Tune: where it gets trials from, what a trial's actor does, and how all of them run."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from ray import tune
from ray.exceptions import RayError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from cluster.config import ResourcesConfig
from cluster.errors import RunFailedError, last_line
from tuning.sweep.sweep import Sweep
from tuning.sweep.trial import ENDED, ERROR, LOSS, REPORT, Surroundings, run_trial
from tuning.sweep.trials import Report

_NUMBER: Final = "number"
_ENVIRONMENT: Final = {
    # Relative paths of models and data are those of the driver's folder.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # The sweep keeps its own record of trials.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # The driver's log has a line for each trial, and Ray Tune's tables none that is needed.
    "RAY_AIR_NEW_OUTPUT": "0",
    # A trial that fails before its first validation has no loss.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
}
_IN_ACTORS: Final = {
    # A process is kept for the next trial if the one that pauses leaves it within these seconds.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "30",
}


class TrialSource(Searcher):
    """Gives Ray Tune the trials of a sweep, and takes in what they report.

    A trial that pauses ends for Ray Tune. When it goes on, Ray Tune is given it once more.
    """

    def __init__(self, sweep: Sweep, at_once: int) -> None:
        """Trials of a sweep, at most `at_once` at the same time."""
        super().__init__(metric=LOSS, mode="min")
        self._sweep, self._at_once = sweep, at_once
        self._running: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray Tune pickles it to restore the search, which the sweep does from its own files."""
        return {}

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The next trial; None while as many as allowed are running, or what comes next depends on those that are."""
        if len(self._running) >= self._at_once:
            return None
        number = self._sweep.begin()
        if number is None:  # the end is a string, which Ray Tune looks for
            return None if self._running else cast("dict[str, Any]", Searcher.FINISHED)
        self._running[trial_id] = number
        return {_NUMBER: number}

    def goes_on(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Take in a result; whether the trial goes on."""
        if REPORT not in result or ENDED in result:
            return True
        number = self._running[trial_id]
        self._sweep.report(number, Report.model_validate_json(result[REPORT]))
        return self._sweep.goes_on(number)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Take in how a trial ended, unless it pauses."""
        number = self._running.pop(trial_id)
        told = result or {}
        if error:
            self._sweep.end(number, "failed", "its process failed too often; see the logs of the trial's node")
        elif ENDED in told:
            if REPORT in told:
                self._sweep.report(number, Report.model_validate_json(told[REPORT]))
            self._sweep.end(number, told[ENDED], told.get(ERROR))

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing; see `__getstate__`."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was kept."""


class Rungs(FIFOScheduler):
    """Stops for Ray Tune the trials that pause."""

    def __init__(self, source: TrialSource) -> None:
        """Stop trials as their source says."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._source = source

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        """Whether a trial goes on."""
        goes_on = self._source.goes_on(trial.trial_id, result)
        return TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP


def run_trials(
    sweep: Sweep,
    surroundings: Surroundings,
    *,
    at_once: int,
    folder: Path,
    wait: Callable[[threading.Thread], None],
) -> None:
    """Run the trials of a sweep that have not ended.

    Args:
        sweep: the trials.
        surroundings: model, data, and the resources of one trial.
        at_once: trials at the same time.
        folder: where Ray Tune may write on this node; nothing is restored from there.
        wait: waits for the thread that runs Ray Tune: in the main thread, it would handle SIGINT itself.

    Raises:
        RunFailedError: Ray Tune itself failed.
    """
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    # It warns that its own files of results are missing, which are switched off.
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    source = TrialSource(sweep, at_once)
    tuner = tune.Tuner(
        tune.with_resources(_trainable(surroundings), _placement(surroundings.resources)),
        tune_config=tune.TuneConfig(
            search_alg=source,
            scheduler=Rungs(source),
            num_samples=-1,  # until the source ends
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            storage_path=str(folder),
            failure_config=tune.FailureConfig(max_failures=surroundings.resources.max_failures),
            verbose=0,
        ),
    )
    errors: list[BaseException] = []

    def fit() -> None:
        try:
            tuner.fit()
        except BaseException as error:  # noqa: BLE001  re-raised in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=fit, name="ray-tune", daemon=True)
    thread.start()
    wait(thread)
    if errors:
        if isinstance(errors[0], RayError | tune.TuneError):
            raise RunFailedError(f"Ray Tune failed: {last_line(errors[0])}") from errors[0]
        raise errors[0]


def _trainable(surroundings: Surroundings) -> Callable[[dict[str, Any]], None]:
    def trial(config: dict[str, Any]) -> None:
        for variable, value in _IN_ACTORS.items():
            os.environ.setdefault(variable, value)
        run_trial(surroundings, int(config[_NUMBER]), tune.report)

    return trial


def _placement(resources: ResourcesConfig) -> tune.PlacementGroupFactory:
    bundle: dict[str, float] = {"CPU": resources.cpus_per_worker}
    if resources.gpus_per_worker:
        bundle["GPU"] = resources.gpus_per_worker
    if resources.memory_bytes_per_worker:
        bundle["memory"] = resources.memory_bytes_per_worker
    selector = [dict(resources.label_selector)] if resources.label_selector else None
    return tune.PlacementGroupFactory([bundle], bundle_label_selector=cast(Any, selector))
