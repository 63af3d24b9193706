"""Which trial of a study is due next, how dials are tuned, and that a study goes on from its cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tuning.studies.trials import RATE, Arm, Cell, Dial, Plan, Trial, digest, read_cells, run_trials

RATES = Dial(RATE, (1.0, 2.0, 4.0, 8.0), 2.0)
Wer = Callable[[Trial], float]


def _plan(*arms: Arm, seeds: int = 2, secondary_seeds: int = 1, tuning_seeds: int = 1) -> Plan:
    return Plan(
        arms=arms,
        seeds=seeds,
        secondary_seeds=secondary_seeds,
        tuning_seeds=tuning_seeds,
        secondary_tuning_seeds=1,
        judged_on=("test",),
    )


def _cell(trial: Trial, wer: float) -> Cell:
    errors = {"test": {"ann": [round(1e6 * wer), 1_000_000]}}
    return Cell(trial.arm, trial.seed, dict(trial.dials), trial.is_dev, ["bob"], errors, {})


def _run(plan: Plan, wer: Wer) -> tuple[list[Trial], dict[str, Cell]]:
    """All trials in their order, and their cells."""
    trials: list[Trial] = []
    cells: dict[str, Cell] = {}
    while (trial := plan.next(cells)) is not None:
        assert trial.key not in cells and len(trials) < 100
        trials.append(trial)
        cells[trial.key] = _cell(trial, wer(trial))
    return trials, cells


def _bowl(best: float) -> Wer:
    """The lowest WER at one learning rate."""
    return lambda trial: 0.1 + abs(dict(trial.dials)[RATE] - best) / 2000


def test_the_best_point_on_dev_is_tested_and_no_other(tmp_path: Path) -> None:
    trials, _ = _run(_plan(Arm("a", (RATES,), is_primary=True)), _bowl(4.0))
    assert [dict(trial.dials)[RATE] for trial in trials if trial.is_dev] == [1.0, 2.0, 4.0, 8.0]
    assert [(trial.seed, dict(trial.dials)[RATE]) for trial in trials if not trial.is_dev] == [(0, 4.0), (1, 4.0)]
    assert min(trial.seed for trial in trials if trial.is_dev) == 100


@pytest.mark.parametrize(("best", "beyond"), [(16.0, [16.0, 32.0]), (0.5, [0.5, 0.25]), (1000.0, [16.0, 32.0])])
def test_the_search_goes_on_beyond_an_end_up_to_six_points(best: float, beyond: list[float]) -> None:
    trials, _ = _run(_plan(Arm("a", (RATES,), is_primary=True)), _bowl(best))
    tried = [dict(trial.dials)[RATE] for trial in trials if trial.is_dev]
    assert tried == [1.0, 2.0, 4.0, 8.0, *beyond]
    assert dict(trials[-1].dials)[RATE] == min(tried, key=lambda rate: abs(rate - best))


def test_dials_are_tuned_one_after_the_other() -> None:
    def wer(trial: Trial) -> float:
        values = dict(trial.dials)
        return 0.1 + abs(values[RATE] - 4.0) / 100 + abs(values["gate"] - 1.0) / 100

    plan = _plan(Arm("a", (RATES, Dial("gate", (0.1, 1.0, 10.0), 10.0)), is_primary=True))
    trials, cells = _run(plan, wer)
    dev = [tuple(dict(trial.dials).values()) for trial in trials if trial.is_dev]
    assert dev[:4] == [(1.0, 10.0), (2.0, 10.0), (4.0, 10.0), (8.0, 10.0)]
    assert dev[4:] == [(4.0, 0.1), (4.0, 1.0)]  # the third was a trial of the learning rate
    assert dict(trials[-1].dials) == {RATE: 4.0, "gate": 1.0}
    assert plan.tried(plan.arms[0], cells)["gate"] == pytest.approx({0.1: 0.109, 1.0: 0.1, 10.0: 0.19})


def test_a_dial_without_points_stays_where_it_is() -> None:
    trials, _ = _run(_plan(Arm("a", (RATES, Dial("gate", (), 3.0)), is_primary=True)), _bowl(2.0))
    assert {dict(trial.dials)["gate"] for trial in trials} == {3.0}


def test_primary_arms_are_finished_before_others_begin() -> None:
    plan = _plan(Arm("late", (RATES,)), Arm("first", (RATES,), is_primary=True), seeds=3)
    trials, _ = _run(plan, _bowl(2.0))
    assert [trial.arm for trial in trials] == ["first"] * 7 + ["late"] * 5


def test_a_control_may_use_the_dials_of_another_arm() -> None:
    plan = _plan(Arm("a", (RATES,), is_primary=True), Arm("b", tuned_like="a", is_primary=True))
    trials, _ = _run(plan, _bowl(4.0))
    assert [dict(trial.dials)[RATE] for trial in trials if trial.arm == "b"] == [4.0, 4.0]
    faster = Arm("c", tuned_like="a", instead=((RATE, 5.0),), is_primary=True)
    trials, _ = _run(_plan(Arm("a", (RATES,), is_primary=True), faster), _bowl(4.0))
    assert [dict(trial.dials)[RATE] for trial in trials if trial.arm == "c"] == [5.0, 5.0]


def test_a_study_goes_on_from_its_cells(tmp_path: Path) -> None:
    plan, ran = _plan(Arm("a", (RATES,), is_primary=True)), []

    def run(trial: Trial) -> Cell:
        if len(ran) == 3:
            raise KeyboardInterrupt
        ran.append(trial.key)
        return _cell(trial, _bowl(4.0)(trial))

    with pytest.raises(KeyboardInterrupt):
        run_trials(plan, tmp_path, run, minutes=None)
    first, ran = list(ran), []
    assert run_trials(plan, tmp_path, run, minutes=None) == 3
    assert not set(first) & set(ran) and len(read_cells(tmp_path)) == 6
    assert plan.next(read_cells(tmp_path)) is None
    assert run_trials(plan, tmp_path, run, minutes=None) == 0


def test_no_trial_begins_after_the_time(tmp_path: Path) -> None:
    plan = _plan(Arm("a", (RATES,), is_primary=True))
    assert run_trials(plan, tmp_path, lambda trial: _cell(trial, 0.1), minutes=0.0) == 0


def test_a_broken_cell_is_run_again(tmp_path: Path) -> None:
    plan = _plan(Arm("a", (RATES,), is_primary=True))
    run_trials(plan, tmp_path, lambda trial: _cell(trial, 0.1), minutes=None)
    (tmp_path / "dev-a-1-100.json").write_text("{")
    assert run_trials(plan, tmp_path, lambda trial: _cell(trial, 0.1), minutes=None) == 1


def test_other_settings_have_other_names() -> None:
    assert digest({"rank": 2}) == digest({"rank": 2}) != digest({"rank": 4})
