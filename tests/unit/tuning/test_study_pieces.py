"""Pieces of a study: one goes on from the cells of those before it, also when only the archive is left of them."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.errors import EngineError
from tuning.studies.archive import Archive
from tuning.studies.command import add_options, run_piece
from tuning.studies.trials import RATE, Arm, Cell, Dial, Plan, Trial

RATES = Dial(RATE, (0.25, 0.5, 1.125, 2.25), 0.5)
PLAN = Plan((Arm("a", (RATES,), is_primary=True),), 3, 0, 1, 0, ("test",))
ALL = 4 + 3
"""Trials of the plan: on dev, then tests."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The setting of a study."""

    model: str = "pico"
    steps: int = 50
    batch_s: float = 12.345


class Laboratory:
    """Counts what it runs; the best learning rate is 1.125."""

    def __init__(self, basis: dict[str, Any], more_errors: int) -> None:
        self._basis, self._more_errors = basis, more_errors
        self.ran: list[str] = []

    def basis(self) -> dict[str, Any]:
        """What the cells rest on."""
        return self._basis

    def run(self, trial: Trial) -> Cell:
        """A cell without training."""
        self.ran.append(trial.key)
        errors = round(100 * abs(dict(trial.dials)[RATE] - 1.125)) + trial.seed % 100 + self._more_errors
        figures = {"training_s": 10.123456}
        return Cell(
            trial.arm, trial.seed, dict(trial.dials), trial.is_dev, ["bob"], {"test": {"ann": [errors, 1000]}}, figures
        )


def _arguments(folder: Path, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser, "toy", ["a"], steps=50)
    return parser.parse_args(["--work", str(folder / "work"), "--report", str(folder / "toy.md"), *more])


def _piece(
    folder: Path,
    *more: str,
    setting: Setting | None = None,
    plan: Plan = PLAN,
    arithmetic: int = 1,
    recipe: str = "0a",
    more_errors: int = 0,
) -> list[str]:
    """Run a piece; returns the trials that it ran."""
    laboratory = Laboratory({"arithmetic": arithmetic, "recipe": recipe}, more_errors)
    run_piece(_arguments(folder, *more), setting or Setting(), plan, lambda _: laboratory)  # type: ignore[arg-type, return-value]
    return laboratory.ran


def _in_a_new_checkout(folder: Path) -> None:
    """Take the cells away, and leave the archive."""
    shutil.rmtree(folder / "work")


def test_a_study_goes_on_from_its_archive_alone(tmp_path: Path) -> None:
    assert len(_piece(tmp_path)) == ALL
    [before] = Archive(tmp_path / "toy.json").runs()
    _in_a_new_checkout(tmp_path)
    assert _piece(tmp_path) == []
    assert Archive(tmp_path / "toy.json").runs() == [before]

    fourth = Plan(PLAN.arms, 4, 0, 1, 0, ("test",))
    _in_a_new_checkout(tmp_path)
    assert _piece(tmp_path, plan=fourth) == ["test-a-1.125-003"]
    assert len(Archive(tmp_path / "toy.json").runs()[0].cells) == ALL + 1


def test_a_trial_with_another_dial_is_run(tmp_path: Path) -> None:
    _piece(tmp_path)
    _in_a_new_checkout(tmp_path)
    other = Plan((Arm("a", (Dial(RATE, (0.25, 0.75, 1.125, 2.25), 0.5),), is_primary=True),), 3, 0, 1, 0, ("test",))
    assert _piece(tmp_path, plan=other) == ["dev-a-0.75-100"]


@pytest.mark.parametrize(
    "change",
    [
        {"arithmetic": 2},
        {"recipe": "0b"},
        {"setting": Setting(steps=51)},
        {"setting": Setting(model="tiny")},
        {"setting": Setting(batch_s=12.346)},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_new_checkout", [True, False])
def test_cells_of_other_conditions_are_not_taken(change: dict[str, Any], is_new_checkout: bool, tmp_path: Path) -> None:
    _piece(tmp_path)
    if is_new_checkout:
        _in_a_new_checkout(tmp_path)
    assert len(_piece(tmp_path, **change)) == ALL
    assert [len(run.cells) for run in Archive(tmp_path / "toy.json").runs()] == [ALL, ALL]


def test_archived_tests_can_be_measured_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _piece(tmp_path)
    before = (tmp_path / "toy.json").read_bytes()
    assert _piece(tmp_path, "--repeat", "3") == [f"test-a-1.125-00{seed}" for seed in range(3)]
    assert capsys.readouterr().out.count(": the same") == 3
    with pytest.raises(
        EngineError, match=r"2 of 2 archived cells come out otherwise: test-a-1\.125-000, test-a-1\.125-001"
    ):
        _piece(tmp_path, "--repeat", "2", more_errors=1)
    assert (tmp_path / "toy.json").read_bytes() == before
