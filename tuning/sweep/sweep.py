"""A sweep while it runs: which trials there are, what they found, what its readers are told. Knows no Ray."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cluster.storage.run_store import S3RunStore
from engine.config.methods.lora import LoraFields
from engine.config.training import TrainingConfig
from engine.errors import ConfigError
from engine.metrics.registry import metric_named
from engine.ranks.ranks import Ranks
from engine.ranks.spending import spent_again
from engine.run.events import Event, EventSink
from tuning.sweep.algorithms import AshaScheduler, Point
from tuning.sweep.config import SweepRunConfig
from tuning.sweep.halving import Halving, Standing
from tuning.sweep.points import Tried, points_of
from tuning.sweep.space import selection_at, sketched, training_at
from tuning.sweep.trials import (
    ENDED,
    Report,
    State,
    Trial,
    TrialResult,
    best_of,
    delete_checkpoints,
    keep_newest_checkpoint,
    ranks_of,
    read_reports,
    read_trials,
    result_of,
    write_trial,
)

_log = logging.getLogger("tuning.sweep")
_ALMOST: Final = 0.99
"""Progress before the end: trials that fail make others go on that were not planned."""


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
        scheduler, total = config.search.scheduler, config.search.trials
        self._halving = Halving(scheduler, total) if isinstance(scheduler, AshaScheduler) else None
        self._trials: dict[int, Trial] = {}
        self._reports: dict[int, list[Report]] = {}
        for trial in read_trials(store):
            self._trials[trial.number] = trial
            self._reports[trial.number] = read_reports(store, trial.number)
        self._waiting = []
        for number, trial in self._trials.items():
            if trial.state not in ENDED and self._is_undecided(number):
                self._put(trial.model_copy(update={"state": "paused"}))  # interrupted before the decision
            elif trial.state not in ENDED and trial.state != "paused":
                self._waiting.append(number)

    @property
    def remaining(self) -> int:
        """Number of trials that have not ended, begun or not."""
        return self._config.search.trials - sum(1 for each in self._trials.values() if each.state in ENDED)

    def results(self) -> list[TrialResult]:
        """All trials that have begun, by number."""
        return [result_of(self._trials[number], self._reports[number]) for number in sorted(self._trials)]

    def begin(self) -> int | None:
        """Begin a trial, or go on with one; None: there is none now, or none may begin.

        First come those that were interrupted, then new ones, then those that go on from a rung, which are then the best of
        all. A search that learns from what trials found lets them go on before new ones.
        """
        number = self._next()
        if number is not None:  # readers are told each time: it may have been paused or stopped
            self._emit(f"{time.time_ns():x}/trial/{number}/running", number)
        return number

    def _next(self) -> int | None:
        while not self.should_stop():
            if self._waiting:
                number = self._waiting.pop(0)
                self._put(self._trials[number].model_copy(update={"state": "running", "error": None}))
                return number
            if self._may_promote and (promotable := self._promotable()):
                self._promote(promotable[0])
                return promotable[0]
            number = len(self._trials)
            if number >= self._config.search.trials:
                self._prune()
                return None
            trial = self._trial_at(number, self._points.point(number, self._tried()))
            self._reports[number] = []
            self._put(trial)
            if trial.state == "running":
                return number
            self.end(number, "failed", trial.error)
        return None

    def report(self, number: int, report: Report) -> None:
        """Take in a report; one that is known changes nothing."""
        known = self._reports[number]
        if not known or report.validation > known[-1].validation:
            known.append(report)
            self._emit(f"trial/{number}/{report.validation}", number)

    def goes_on(self, number: int) -> bool:
        """Whether a trial goes on after its newest report; if not, it pauses."""
        if self._halving is None or not self._is_undecided(number):
            return True
        self._trials[number] = paused = self._trials[number].model_copy(update={"state": "paused"})
        if self._may_promote and number in self._promotable():
            self._promote(number)
            return True
        self._put(paused)
        keep_newest_checkpoint(self._store, number)
        reports = self._reports[number]
        self._emit(f"trial/{number}/paused/{len(reports)}", number)
        _log.info("%s", _line(result_of(paused, reports)))
        return False

    def end(self, number: int, state: State, error: str | None = None) -> None:
        """Take in how a trial ended."""
        self._put(self._trials[number].model_copy(update={"state": state, "error": error}))
        if state in ENDED:
            delete_checkpoints(self._store, number)  # it is never resumed
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

    @property
    def _may_promote(self) -> bool:
        """Whether trials go on from rungs: at the end, or at any time if later points depend on what they find."""
        return self._points.learns or len(self._trials) == self._config.search.trials

    def _promotable(self) -> list[int]:
        return self._halving.promotable(self._standings()) if self._halving is not None else []

    def _promote(self, number: int) -> None:
        """Let a trial go on from the rung that it has reached."""
        update = {"state": "running", "promoted": len(self._reports[number])}
        self._put(self._trials[number].model_copy(update=update))

    def _prune(self) -> None:
        """End the paused trials, if no trial runs whose failure would make room for them."""
        states = {trial.state for trial in self._trials.values()}
        if "running" not in states:
            for number in [number for number, trial in self._trials.items() if trial.state == "paused"]:
                self.end(number, "pruned")

    def _is_undecided(self, number: int) -> bool:
        """Whether the newest report of a trial is at a rung where it has not been decided if it goes on."""
        reports = self._reports[number]
        if not reports or reports[-1].step == reports[-1].total_steps:
            return False
        reached = reports[-1].validation
        return reached > self._trials[number].promoted and self._config.search.scheduler.is_rung(reached)

    def _standings(self) -> dict[int, Standing]:
        return {number: self._standing(trial) for number, trial in self._trials.items()}

    def _standing(self, trial: Trial) -> Standing:
        reports = self._reports[trial.number]
        ranks = ranks_of(trial.config, reports) if trial.config is not None else []
        return Standing(trial.state, ranks, trial.promoted)

    def _tried(self) -> list[Tried]:
        """The trials that have begun, as the search sees them."""
        return [
            Tried(trial.values, trial.state, len(reports), reports[-1].loss if reports else None)
            for trial, reports in ((self._trials[number], self._reports[number]) for number in sorted(self._trials))
        ]

    def _progress(self, results: Sequence[TrialResult]) -> float:
        """Share of the validations that are planned of all trials together; 1 once all have ended."""
        if self.remaining == 0:
            return 1.0
        every = self._config.training.evaluation.every_steps
        totals = [-(-each.total_steps // every) for each in results if each.total_steps]
        if not totals:
            return 0.0
        of_one, trials = max(totals), self._config.search.trials
        planned = trials * of_one if self._halving is None else self._halving.planned_validations(of_one)
        return min(sum(each.validations for each in results) / planned, _ALMOST)

    def _emit(self, key: str, number: int) -> None:
        results = self.results()
        best = best_of(results)
        total = self._config.search.trials
        ended = sum(1 for each in results if each.state in ENDED)
        data: dict[str, Any] = {
            "trial": result_of(self._trials[number], self._reports[number]).model_dump(mode="json"),
            "trials": total,
            "trials_ended": ended,
            "progress": self._progress(results),
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
