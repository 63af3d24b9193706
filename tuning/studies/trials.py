"""Trials of a study that compares arms by word error rate: which one is due next, given the cells that exist.

Each arm's dials, such as its learning rate, are tuned on dev one after the other, and frozen before its first test.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tuning.studies.cells import read_cell, write_cell

RATE: Final = "learning_rate"
TUNING_SEEDS: Final = 100
"""First seed of the trials on dev."""
_MOST_POINTS: Final = 6


@dataclass(frozen=True, slots=True)
class Dial:
    """A number that is tuned on dev."""

    name: str
    points: tuple[float, ...]
    """At least two, rising by a constant factor. While the best is the first or the last, the search goes on beyond it,
    up to six points. None: the dial is not tuned, and stays at `start`."""
    start: float
    """Value while dials before it are tuned."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to train."""

    name: str
    dials: tuple[Dial, ...] = ()
    tuned_like: str | None = None
    """Arm whose dials it uses; None: it is tuned itself."""
    instead: tuple[tuple[str, float], ...] = ()
    """Dials that stand elsewhere than those of the arm that it is tuned like."""
    is_primary: bool = False
    """Part of a primary claim: it has more seeds, and runs first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that is due."""

    arm: str
    seed: int
    dials: tuple[tuple[str, float], ...]
    is_dev: bool = False

    @property
    def key(self) -> str:
        """Name of its cell."""
        values = "-".join(f"{value:g}" for _, value in self.dials)
        return f"{'dev' if self.is_dev else 'test'}-{self.arm}-{values}-{self.seed:03d}"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a trial gave."""

    arm: str
    seed: int
    dials: dict[str, float]
    is_dev: bool
    train_speakers: list[str]
    errors: dict[str, dict[str, list[int]]]
    """Word errors and words of each test speaker, by test set."""
    figures: dict[str, float]
    """Parameters, seconds, bytes and other numbers of the run."""
    ranks: dict[str, float] = field(default_factory=dict)
    """Mean rank of each part of the model."""

    @property
    def trial(self) -> Trial:
        """What gave it."""
        return Trial(self.arm, self.seed, tuple(self.dials.items()), self.is_dev)

    @property
    def key(self) -> str:
        """That of its trial."""
        return self.trial.key

    def wer(self, sets: Sequence[str]) -> float:
        """WER over some test sets together."""
        pairs = [pair for name in sets for pair in self.errors[name].values()]
        return sum(e for e, _ in pairs) / sum(words for _, words in pairs)


Cells = Mapping[str, Cell]
"""By key."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a study runs in all."""

    arms: tuple[Arm, ...]
    seeds: int
    """Of the primary arms."""
    secondary_seeds: int
    tuning_seeds: int
    """Of each point of a dial, primary arms; 0: dials are not tuned."""
    secondary_tuning_seeds: int
    judged_on: tuple[str, ...]
    """Test sets whose WER decides on dev."""

    def arm(self, name: str) -> Arm:
        """The arm of this name."""
        return next(arm for arm in self.arms if arm.name == name)

    def seeds_of(self, arm: Arm) -> int:
        """Number of seeds that an arm is tested with."""
        return self.seeds if arm.is_primary else self.secondary_seeds

    def next(self, cells: Cells) -> Trial | None:
        """The first trial that has not run; None: the study is complete."""
        for primary in (True, False):
            group = [arm for arm in self.arms if arm.is_primary == primary]
            for arm in group:
                if arm.tuned_like is None and (due := self._tuning(arm, cells)[1]) is not None:
                    return due
            for seed in range(self.seeds if primary else self.secondary_seeds):
                for arm in group:
                    dials = self.dials(arm, cells)
                    assert dials is not None
                    trial = Trial(arm.name, seed, dials)
                    if trial.key not in cells:
                        return trial
        return None

    def dials(self, arm: Arm, cells: Cells) -> tuple[tuple[str, float], ...] | None:
        """The values that an arm is tested with; None while they are being tuned."""
        own = self.arm(arm.tuned_like) if arm.tuned_like is not None else arm
        values, due = self._tuning(own, cells)
        return tuple({**dict(values), **dict(arm.instead)}.items()) if due is None else None

    def tests(self, cells: Cells) -> list[Cell]:
        """The test cells of this plan: each arm at its tuned values."""
        found = []
        for arm in self.arms:
            if (dials := self.dials(arm, cells)) is not None:
                keys = [Trial(arm.name, seed, dials).key for seed in range(self.seeds_of(arm))]
                found += [cells[key] for key in keys if key in cells]
        return found

    def tried(self, arm: Arm, cells: Cells) -> dict[str, dict[float, float]]:
        """WER on dev at each point of each dial, the others as they were when it was tuned."""
        found: dict[str, dict[float, float]] = {}
        for dial, fixed in self._searched(arm, cells):
            values = self._measured(arm, dial, fixed, cells)
            found[dial.name] = {point: wer for point, wer in sorted(values.items()) if wer is not None}
        return found

    # ---- tuning ------------------------------------------------------------------------------------------------

    def _tuning(self, arm: Arm, cells: Cells) -> tuple[tuple[tuple[str, float], ...], Trial | None]:
        """Values of the dials so far, and the next trial on dev if there is one."""
        values = {dial.name: dial.start for dial in arm.dials}
        for dial, fixed in self._searched(arm, cells):
            values = dict(fixed)
            measured = self._measured(arm, dial, fixed, cells)
            for point, wer in measured.items():
                if wer is None:
                    return tuple(values.items()), self._missing(arm, dial, fixed, point, cells)
            values[dial.name] = _best(measured)
        return tuple(values.items()), None

    def _searched(self, arm: Arm, cells: Cells) -> Iterator[tuple[Dial, dict[str, float]]]:
        """Each dial with the values of all dials while it is tuned, up to the first that is not tuned yet."""
        values = {dial.name: dial.start for dial in arm.dials}
        for dial in arm.dials:
            if not dial.points or not self._dev_seeds(arm):
                continue
            yield dial, dict(values)
            measured = self._measured(arm, dial, values, cells)
            if any(wer is None for wer in measured.values()):
                return
            values[dial.name] = _best(measured)

    def _measured(self, arm: Arm, dial: Dial, fixed: Mapping[str, float], cells: Cells) -> dict[float, float | None]:
        """WER on dev at each point; None where a trial is missing."""
        measured = {point: self._dev_wer(arm, dial, fixed, point, cells) for point in dial.points}
        factor = dial.points[1] / dial.points[0]
        while len(measured) < _MOST_POINTS and all(wer is not None for wer in measured.values()):
            best, points = _best(measured), sorted(measured)
            if points[0] < best < points[-1]:
                break
            beyond = float(f"{best * factor if best == points[-1] else best / factor:.3g}")
            measured[beyond] = self._dev_wer(arm, dial, fixed, beyond, cells)
        return measured

    def _dev_wer(self, arm: Arm, dial: Dial, fixed: Mapping[str, float], point: float, cells: Cells) -> float | None:
        trials = self._dev_trials(arm, dial, fixed, point)
        if any(trial.key not in cells for trial in trials):
            return None
        return sum(cells[trial.key].wer(self.judged_on) for trial in trials) / len(trials)

    def _missing(self, arm: Arm, dial: Dial, fixed: Mapping[str, float], point: float, cells: Cells) -> Trial:
        return next(trial for trial in self._dev_trials(arm, dial, fixed, point) if trial.key not in cells)

    def _dev_trials(self, arm: Arm, dial: Dial, fixed: Mapping[str, float], point: float) -> list[Trial]:
        dials = tuple({**fixed, dial.name: point}.items())
        return [Trial(arm.name, TUNING_SEEDS + seed, dials, is_dev=True) for seed in range(self._dev_seeds(arm))]

    def _dev_seeds(self, arm: Arm) -> int:
        return self.tuning_seeds if arm.is_primary else self.secondary_tuning_seeds


def _best(measured: Mapping[float, float | None]) -> float:
    """The point with the lowest WER; of equal ones the smallest that is not at an end."""
    points = sorted(measured)
    return min(points, key=lambda point: (measured[point] or 0.0, point in (points[0], points[-1])))


# ---- running -----------------------------------------------------------------------------------------------


def digest(values: Mapping[str, Any] | Sequence[Any]) -> str:
    """Names values, so that cells of different ones stay apart."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:10]


def read_cells(folder: Path) -> dict[str, Cell]:
    """The cells in a folder."""
    found = [read_cell(path, Cell) for path in sorted(folder.glob("*.json"))]
    return {cell.key: cell for cell in found if cell is not None}


def run_trials(
    plan: Plan, folder: Path, run: Callable[[Trial], Cell], *, minutes: float | None, known: Cells | None = None
) -> int:
    """Run trials until the plan is complete or the time is over; returns the number of trials run.

    Args:
        plan: of the study.
        folder: of its cells.
        run: runs a trial.
        minutes: no trial starts later than this; None: no limit.
        known: cells that were measured elsewhere under the same conditions; their trials are not run.
    """
    started, count = time.monotonic(), 0
    cells = {**(known or {}), **read_cells(folder)}
    while (trial := plan.next(cells)) is not None:
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            break
        begun = time.monotonic()
        cell = run(trial)
        write_cell(folder / f"{trial.key}.json", cell)
        cells[trial.key] = cell
        count += 1
        wer = cell.wer(plan.judged_on)
        print(f"{trial.key}: {wer:.1%} WER in {time.monotonic() - begun:.0f} s", flush=True)
    return count
