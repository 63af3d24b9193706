"""A trial on a node: the training stage, with a report to Ray Tune after each validation.

Imports neither torch nor the engine's stages at the top: the driver reads this module too.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cluster.config import ResourcesConfig
from cluster.errors import ClusterError, ObjectStorageError
from cluster.event_relay import EventRelay
from cluster.stop_flag import StopFlag
from cluster.storage.dataset_cache import local_dataset, local_selection
from cluster.storage.model_cache import fetch_model
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings, usable_home
from cluster.worker import Place, prepare_process
from engine.config.training import TrainingConfig
from engine.errors import ConfigError, EngineError, Fault
from engine.metrics.registry import Values
from engine.models.reference import ModelReference
from engine.run.events import Event, EventSink, now_rfc3339
from tuning.sweep.halving import as_tune_result
from tuning.sweep.trials import Report, State, folder_of, read_reports, read_trial, write_reports

ENDED: Final = "ended"
"""In the last result that Ray Tune is told: how the trial ended."""
ERROR: Final = "error"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all tasks of a sweep have in common, sent by the driver."""

    model: ModelReference | str
    data: str
    resources: ResourcesConfig
    """Of one trial."""
    storage: S3Settings
    uri: str
    """Folder of the sweep's files."""
    beside: tuple[str, ...]
    """Folders that relative paths of the data are looked up in."""

    def on_this_node(self) -> tuple[S3Settings, S3RunStore]:
        """Prepare the process; the object store as this node uses it, and the sweep's files."""
        prepare_process(self.resources, Place())
        storage = replace(self.storage, home=usable_home(self.storage.home))
        return storage, S3RunStore.at(self.uri, storage)

    def inputs(self, training: TrainingConfig, storage: S3Settings) -> tuple[ModelReference, Path]:
        """Base model and dataset version on this node."""
        task = training.task
        data = local_dataset(
            self.data,
            storage,
            beside=[Path(folder) for folder in self.beside],
            language=task.text_language,
            task=task.type,
        )
        return fetch_model(self.model, storage), data


def run_trial(surroundings: Surroundings, number: int, report: Callable[[dict[str, Any]], None]) -> None:
    """Train one trial, from its newest checkpoint if there is one.

    Reports of earlier processes of this trial are told again first, so that scheduler and search know them. A failure
    that another attempt would repeat, such as a loss that is not finite, ends the trial, and not the sweep.

    Args:
        surroundings: model, data and place.
        number: of the trial.
        report: tells Ray Tune; does not return if the scheduler stops the trial.
    """
    started = time.perf_counter()
    storage, store = surroundings.on_this_node()
    trial = read_trial(store, number)
    if trial is None or trial.config is None:
        raise ConfigError([Fault("trial", f"{folder_of(number)} has gone from {surroundings.uri}")])
    earlier = read_reports(store, number)
    for each in earlier:
        report(as_tune_result(each))
    own = S3RunStore.at(f"{surroundings.uri}/{folder_of(number)}", storage)
    with contextlib.ExitStack() as stack:
        should_stop = stack.enter_context(StopFlag(store))
        relay = stack.enter_context(EventRelay(own))
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lim-trial-")))
        reports = Reports(store, number, earlier, started, report)
        try:
            model, data = surroundings.inputs(trial.config, storage)
            selection = None
            if trial.selection is not None:
                address = f"{surroundings.uri}/{trial.selection}"
                selection = local_selection(address, storage, work / "selection")
            from engine.stages.finetune import finetune

            result = finetune(
                model=model,
                data=data,
                config=trial.config,
                store=own,
                events=_Reporting(relay, reports),
                work_dir=work,
                should_stop=should_stop,
                threads=int(os.environ["OMP_NUM_THREADS"]),
                selection=selection,
                measure_test=False,
            )
        except ObjectStorageError:
            raise  # a store that does not answer may answer later
        except (EngineError, ClusterError) as error:
            report(reports.ending("failed") | {ERROR: str(error)})
            return
    if result.status == "stopped":
        report(reports.ending("stopped"))
    elif not reports.told:
        report(reports.ending("failed") | {ERROR: _nothing_to_compare()})
    else:
        report(reports.ending("finished"))


class Reports:
    """The reports of a trial, kept in the sweep's files before Ray Tune is told."""

    def __init__(
        self,
        store: S3RunStore,
        number: int,
        earlier: Sequence[Report],
        started: float,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self._store, self._number, self._report = store, number, report
        self._started = started
        self._earlier_s = earlier[-1].seconds if earlier else 0.0
        self.told = list(earlier)
        self.total_steps: int | None = None
        self.trainable_parameters = 0

    def validated(self, step: int, primary: str, metrics: Values) -> None:
        """Report a validation, unless an earlier process of the trial did."""
        from engine.models.precision import best_device
        from engine.process.peak_memory import peak_bytes

        if self.told and step <= self.told[-1].step:
            return
        new = Report(
            validation=len(self.told) + 1,
            step=step,
            primary=primary,
            metrics=metrics,
            peak_bytes=peak_bytes(best_device()),
            trainable_parameters=self.trainable_parameters,
            seconds=self._earlier_s + time.perf_counter() - self._started,
            time=now_rfc3339(),
        )
        self.told.append(new)
        write_reports(self._store, self._number, self.told)
        # After the last step it is too late to stop the trial early.
        self._report(self.ending("finished") if step == self.total_steps else as_tune_result(new))

    def ending(self, state: State) -> dict[str, Any]:
        """The last result that Ray Tune is told."""
        return {ENDED: state} | (as_tune_result(self.told[-1]) if self.told else {})


class _Reporting:
    """Passes events on to the trial's files, and turns validations into reports."""

    def __init__(self, events: EventSink, reports: Reports) -> None:
        self._events, self._reports = events, reports

    def emit(self, event: Event) -> None:
        """Pass an event on."""
        self._events.emit(event)
        data: Mapping[str, Any] = event.data
        if "total_steps" in data:
            self._reports.total_steps = int(data["total_steps"])
        if "trainable_parameters" in data:
            self._reports.trainable_parameters = int(data["trainable_parameters"])
        if data.get("split") == "validation":
            self._reports.validated(int(data["step"]), str(data["primary"]), dict(data["metrics"]))

    def flush(self) -> None:
        """Flush the sink."""
        self._events.flush()


def _nothing_to_compare() -> str:
    return (
        "no validation was made: the data leave no examples for it, or the training ends before evaluation.every_steps; "
        "set split.validation_fraction greater than 0, or name split.validation_groups"
    )
