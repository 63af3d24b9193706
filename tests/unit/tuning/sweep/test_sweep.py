"""A sweep's record: wherever it is interrupted, it goes on to the same trials, and its readers see where it is."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from tuning.sweep.config import SweepRunConfig
from tuning.sweep.sweep import Sweep
from tuning.sweep.trials import Report, read_reports, write_reports

EVERY, VALIDATIONS, TRIALS = 10, 6, 8
GRID: dict[str, Any] = {
    "dimensions": {
        "optimizer.learning_rate": {"type": "grid", "low": 1e-5, "high": 1e-2, "points": TRIALS, "log": True}
    },
    "algorithm": {"type": "grid"},
}
OPTUNA: dict[str, Any] = {
    "dimensions": {"optimizer.learning_rate": {"type": "loguniform", "low": 1e-5, "high": 1e-2}},
    "algorithm": {"type": "optuna", "trials": TRIALS, "random_trials": 3},
}


class Killed(Exception):
    """The driver's process ends here."""


class Drivers:
    """Drivers of one sweep, one after another, each killed in some event; trials run one at a time."""

    def __init__(self, folder: Path, search: dict[str, Any], *, kills: list[int] | None = None) -> None:
        training = {"max_steps": EVERY * VALIDATIONS, "evaluation": {"every_steps": EVERY}}
        self._config = SweepRunConfig.model_validate(
            {"name": "toy", "data": "nowhere", "training": training, "search": search}
        )
        self._store, self._kills, self._happened = LocalRunStore(folder), kills or [], 0
        self.events = MemorySink()
        self.stopping = False

    def run(self) -> Sweep:
        """Start drivers until one comes to the end."""
        while True:
            sweep = Sweep(
                self._config,
                self._store,  # type: ignore[arg-type]  # any store
                self.events,
                sketch=None,
                selections={},
                should_stop=lambda: self.stopping,
            )
            try:
                while (number := sweep.begin()) is not None:
                    self._train(sweep, number)
            except Killed:
                continue
            return sweep

    def _happens(self) -> None:
        self._happened += 1
        if self._happened in self._kills:
            raise Killed

    def _train(self, sweep: Sweep, number: int) -> None:
        """As `run_trial` does: the file first, then the driver."""
        self._happens()
        reports = read_reports(self._store, number)
        if reports:
            sweep.report(number, reports[-1])
            if not sweep.goes_on(number):
                return
        rate = next(result.values["optimizer.learning_rate"] for result in sweep.results() if result.number == number)
        assert isinstance(rate, float)
        while len(reports) < VALIDATIONS:
            reports.append(report(rate, len(reports) + 1))
            write_reports(self._store, number, reports)
            self._happens()
            sweep.report(number, reports[-1])
            if len(reports) < VALIDATIONS and not sweep.goes_on(number):
                self._happens()
                return
        sweep.end(number, "finished")

    def metrics(self) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.events.events if event.kind == "metric"]


def report(rate: float, validation: int) -> Report:
    """Good at a rate of 1e-3; equal for all within a factor of 10, where only the loss differs."""
    distance = abs(rate - 1e-3) / rate
    return Report(
        validation=validation,
        step=EVERY * validation,
        primary="wer",
        metrics={"wer": 0.0 if distance < 10 else 0.5},
        validation_loss=distance / validation,
        total_steps=EVERY * VALIDATIONS,
        peak_bytes=1,
        trainable_parameters=1,
        seconds=1.0,
        time="2026-01-01T00:00:00Z",
    )


def told(sweep: Sweep) -> list[dict[str, Any]]:
    return [trial.model_dump() for trial in sweep.results()]


@pytest.mark.parametrize("search", [GRID, OPTUNA], ids=["grid", "optuna"])
def test_wherever_it_is_killed_it_ends_with_the_same_trials(tmp_path: Path, search: dict[str, Any]) -> None:
    whole = told(Drivers(tmp_path / "whole", search).run())
    assert sorted(trial["state"] for trial in whole) == ["finished"] * sum(
        trial["state"] == "finished" for trial in whole
    ) + ["pruned"] * sum(trial["state"] == "pruned" for trial in whole)
    for kill in range(1, 40, 3):
        assert told(Drivers(tmp_path / f"killed-{kill}", search, kills=[kill]).run()) == whole
    generator = random.Random(11)
    for attempt in range(4):
        kills = sorted(generator.sample(range(1, 60), 6))
        assert told(Drivers(tmp_path / f"often-{attempt}", search, kills=kills).run()) == whole, kills


def test_a_share_of_a_grid_goes_on_and_readers_see_it(tmp_path: Path) -> None:
    drivers = Drivers(tmp_path, GRID)
    sweep = drivers.run()
    assert sorted(trial.validations for trial in sweep.results()) == [1] * 6 + [3, VALIDATIONS]
    best = sweep.best_config()
    assert best is not None and best.optimizer.learning_rate == pytest.approx(1.4e-3, rel=0.1)  # the nearest to 1e-3
    assert sweep.remaining == 0
    metrics = drivers.metrics()
    progress = [data["progress"] for data in metrics]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1], metrics[-1]["trials_ended"]) == (0.0, 1.0, TRIALS)
    assert 0.2 < progress[len(progress) // 2] < 0.8
    states = [data["trial"]["state"] for data in metrics if data["trial"]["number"] == metrics[-1]["best_trial"]]
    begun, validated, paused = "running", "running", "paused"
    to_the_rung = [begun, validated, paused, begun, validated, validated, paused]
    assert states == [*to_the_rung, begun, validated, validated, validated, "finished"]


def test_a_stopped_sweep_keeps_paused_trials_for_when_it_goes_on(tmp_path: Path) -> None:
    drivers = Drivers(tmp_path, GRID)
    drivers.stopping = True
    assert told(drivers.run()) == []
    drivers.stopping = False
    whole = told(drivers.run())
    assert told(drivers.run()) == whole  # nothing is left to do
