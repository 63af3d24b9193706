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
from tuning.sweep.algorithms import Scheduler
from tuning.sweep.trials import Report, State, folder_of, read_reports, read_trial, write_reports

LOSS: Final = "loss"
REPORT: Final = "report"
"""In a result that Ray Tune is told: the whole report as JSON, because Ray Tune would flatten an object."""
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
    scheduler: Scheduler
    """When it is decided if a trial goes on."""
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

    The newest report of an earlier process of this trial is told again first: it may have ended before the driver knew. A
    failure that another attempt would repeat, such as a loss that is not finite, ends the trial, and not the sweep.

    Trials follow each other in a process, which saves its start and the imports.

    Args:
        surroundings: model, data and place.
        number: of the trial.
        report: tells Ray Tune; does not return if the trial pauses.
    """
    started = time.perf_counter()
    storage, store = surroundings.on_this_node()
    from engine.models.precision import best_device
    from engine.process.peak_memory import reset_peak

    reset_peak(best_device())
    trial = read_trial(store, number)
    if trial is None or trial.config is None:
        raise ConfigError([Fault("trial", f"{folder_of(number)} has gone from {surroundings.uri}")])
    earlier = read_reports(store, number)
    if earlier:
        report(_told(earlier[-1]))
    own = S3RunStore.at(f"{surroundings.uri}/{folder_of(number)}", storage)
    with contextlib.ExitStack() as stack:
        should_stop = stack.enter_context(StopFlag(store))
        relay = stack.enter_context(EventRelay(own))
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lim-trial-")))
        reports = Reports(store, number, earlier, started, surroundings.scheduler, report)
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
                measures_loss=reports.compares,
                decider=reports,
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
    """The reports of a trial, kept in the sweep's files before Ray Tune is told.

    At a rung Ray Tune is told after the training has written a checkpoint, because the trial may pause there.
    """

    def __init__(
        self,
        store: S3RunStore,
        number: int,
        earlier: Sequence[Report],
        started: float,
        scheduler: Scheduler,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self._store, self._number, self._scheduler, self._report = store, number, scheduler, report
        self._started = started
        self._earlier_s = earlier[-1].seconds if earlier else 0.0
        self._at_rung: Report | None = None
        self.told = list(earlier)
        self.total_steps: int | None = None
        self.trainable_parameters = 0

    def validated(self, step: int, primary: str, metrics: Values, loss: float | None) -> None:
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
            validation_loss=loss,
            total_steps=self.total_steps,
            peak_bytes=max(peak_bytes(best_device()), self.told[-1].peak_bytes if self.told else 0),
            trainable_parameters=self.trainable_parameters,
            seconds=self._earlier_s + time.perf_counter() - self._started,
            time=now_rfc3339(),
        )
        self.told.append(new)
        write_reports(self._store, self._number, self.told)
        if step == self.total_steps:
            self._report(self.ending("finished"))  # it is too late to stop the trial early
        elif self._scheduler.is_rung(new.validation):
            self._at_rung = new
        else:
            self._report(_told(new))

    def compares(self, step: int) -> bool:
        """Whether the validation after this step decides: at a rung, and at the end."""
        return step == self.total_steps or self._scheduler.is_rung(len(self.told) + 1)

    def is_due(self) -> bool:
        """Whether the trial is at a rung."""
        return self._at_rung is not None

    def decide(self) -> None:
        """Report at a rung; does not return if the trial pauses."""
        new, self._at_rung = self._at_rung, None
        if new is not None:
            self._report(_told(new))

    def ending(self, state: State) -> dict[str, Any]:
        """The last result that Ray Tune is told."""
        return {ENDED: state} | (_told(self.told[-1]) if self.told else {})


def _told(report: Report) -> dict[str, Any]:
    """What Ray Tune is told of a report."""
    return {LOSS: report.loss, REPORT: report.model_dump_json()}


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
            step, primary = int(data["step"]), str(data["primary"])
            self._reports.validated(step, primary, dict(data["metrics"]), data.get("validation_loss"))

    def flush(self) -> None:
        """Flush the sink."""
        self._events.flush()


def _nothing_to_compare() -> str:
    return (
        "no validation was made: the data leave no examples for it, or the training ends before evaluation.every_steps; "
        "set split.validation_fraction greater than 0, or name split.validation_groups"
    )
