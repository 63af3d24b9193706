"""A sweep while it runs: which trials there are, what they found, what its readers are told. Knows no Ray."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from cluster.storage.run_store import S3RunStore
from engine.config.methods.lora import LoraFields
from engine.config.training import TrainingConfig
from engine.errors import ConfigError
from engine.metrics.registry import metric_named
from engine.ranks.ranks import Ranks
from engine.ranks.spending import spent_again
from engine.run.events import Event, EventSink
from tuning.sweep.algorithms import Point
from tuning.sweep.config import SweepRunConfig
from tuning.sweep.points import points_of
from tuning.sweep.space import selection_at, sketched, training_at
from tuning.sweep.trials import (
    ENDED,
    Report,
    State,
    Trial,
    TrialResult,
    best_of,
    folder_of,
    read_reports,
    read_trials,
    result_of,
    write_trial,
)

_log = logging.getLogger("tuning.sweep")
_CHECKPOINTS: Final = "checkpoints"


class Sweep:
    """The trials of a sweep, from its files; an interrupted one goes on with the trials that had not ended."""

    def __init__(
        self,
        config: SweepRunConfig,
        store: S3RunStore,
        events: EventSink,
        *,
        sketch: Ranks | None,
        selections: Mapping[str, str],
        should_stop: Callable[[], bool],
    ) -> None:
        """Read the trials that have begun.

        Args:
            config: of the sweep.
            store: its files.
            events: receives the sweep's events.
            sketch: ranks by the shared sketch of the gradient, if trials allocate by one.
            selections: folder in the files by the selection's JSON, if trials train on selections.
            should_stop: whether no more trials may begin.
        """
        self._config, self._store, self._events = config, store, events
        self._sketch, self._selections = sketch, selections
        self.should_stop = should_stop
        self._points = points_of(config.search)
        self._trials: dict[int, Trial] = {}
        self._reports: dict[int, list[Report]] = {}
        for trial in read_trials(store):
            self._trials[trial.number] = trial
            self._reports[trial.number] = read_reports(store, trial.number)
            self._points.begun(trial.number, trial.values)
            if trial.state in ENDED:
                self._tell_points(trial.number)
        self._waiting = [number for number, trial in self._trials.items() if trial.state not in ENDED]

    @property
    def remaining(self) -> int:
        """Number of trials that have not ended, begun or not."""
        return self._config.search.trials - len(self.ended())

    def ended(self) -> list[tuple[int, list[Report]]]:
        """Number and reports of the trials that have ended."""
        return [(number, self._reports[number]) for number, each in self._trials.items() if each.state in ENDED]

    def results(self) -> list[TrialResult]:
        """All trials that have begun, by number."""
        return [result_of(self._trials[number], self._reports[number]) for number in sorted(self._trials)]

    def begin(self) -> int | None:
        """Begin the next trial, or go on with one that was interrupted; None: there is none, or none may begin."""
        while not self.should_stop():
            if self._waiting:
                number = self._waiting.pop(0)
                self._put(self._trials[number].model_copy(update={"state": "running", "error": None}))
                return number
            number = len(self._trials)
            if number >= self._config.search.trials:
                return None
            trial = self._trial_at(number, self._points.point(number))
            self._reports[number] = []
            self._put(trial)
            if trial.state == "running":
                return number
            self.end(number, "failed", trial.error)
        return None

    def report(self, number: int, report: Report) -> None:
        """Take in a report; one that is known changes nothing."""
        known = self._reports[number]
        if known and report.validation <= known[-1].validation:
            return
        known.append(report)
        self._emit(f"trial/{number}/{report.validation}", number)

    def end(self, number: int, state: State, error: str | None = None) -> None:
        """Take in how a trial ended."""
        self._put(self._trials[number].model_copy(update={"state": state, "error": error}))
        if state in ENDED:
            self._tell_points(number)
            self._store.delete(f"{folder_of(number)}/{_CHECKPOINTS}")  # it is never resumed
        found = result_of(self._trials[number], self._reports[number])
        self._emit(f"trial/{number}/{state}/{found.validations}", number)
        message = _line(found)
        _log.info("%s", message)
        level = "warning" if state == "failed" else "notice"
        key = f"trial/{number}/{state}/{found.validations}/line"
        self._events.emit(Event("log", key, {"level": level, "message": message}))

    def best_config(self) -> TrainingConfig | None:
        """The training of the best trial; None: no trial has a value."""
        best = best_of(self.results())
        return None if best is None else self._trials[best.number].config

    def _trial_at(self, number: int, point: Point) -> Trial:
        """A trial of a point; its ranks meet the budget by construction."""
        asked = self._config
        values = dict(point)
        try:
            training = training_at(point, asked.training)
            allocation = sketched(training)
            if self._sketch is not None and allocation is not None and isinstance(training.method, LoraFields):
                ranks = spent_again(self._sketch, training.method, allocation).as_fixed()
                method = training.method.model_copy(update={"allocation": ranks})
                training = training.model_copy(update={"method": method})
            selection = selection_at(point, asked.selection)
        except ConfigError as error:
            return Trial(number=number, values=values, config=None, state="failed", error=str(error))
        folder = self._selections[selection.model_dump_json()] if selection is not None else None
        return Trial(number=number, values=values, config=training, selection=folder)

    def _put(self, trial: Trial) -> None:
        self._trials[trial.number] = trial
        write_trial(self._store, trial)

    def _tell_points(self, number: int) -> None:
        found = result_of(self._trials[number], self._reports[number])
        failed = found.state == "failed" or found.value is None or found.primary is None
        self._points.ended(number, None if failed else self._reports[number][-1].loss)

    def _emit(self, key: str, number: int) -> None:
        results = self.results()
        best = best_of(results)
        total = self._config.search.trials
        ended = sum(1 for each in results if each.state in ENDED)
        data: dict[str, Any] = {
            "trial": result_of(self._trials[number], self._reports[number]).model_dump(mode="json"),
            "trials": total,
            "trials_ended": ended,
            "progress": ended / total,
        }
        if best is not None:
            data |= {"best_trial": best.number, "best_value": best.value, "primary": best.primary}
        self._events.emit(Event("metric", key, data))


def _line(trial: TrialResult) -> str:
    """A trial in one line."""
    values = ", ".join(f"{path}={_short(value)}" for path, value in trial.values.items())
    if trial.error is not None:
        return f"trial {trial.number} failed: {trial.error} ({values})"
    if trial.primary is None or trial.value is None:
        return f"trial {trial.number} {trial.state} before its first validation ({values})"
    metric = metric_named(trial.primary)
    return (
        f"trial {trial.number} {trial.state}: {metric.title} {metric.shown(trial.value)} after {trial.step} steps, "
        f"{trial.seconds:.0f} s ({values})"
    )


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
