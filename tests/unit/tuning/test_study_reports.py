"""Reports of the studies that compare arms: what they claim of given cells, and that the archive makes them again."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.errors import EngineError
from tuning.studies.allocation.arms import ARMS as RANK_ARMS
from tuning.studies.allocation.report import RankReport
from tuning.studies.archive import Archive, Conditions
from tuning.studies.command import add_options, plan_of
from tuning.studies.temporal.arms import ARMS as GATE_ARMS
from tuning.studies.temporal.report import GateReport
from tuning.studies.trials import Arm, Cell, Plan, Trial

SETS = ("clean", "silence", "noise", "change")
RANK_SETTING = {
    "model": "pico",
    "data": "fsdd",
    "speakers": ["ann", "bob"],
    "rank": 2,
    "steps": 60,
    "batch_s": 12.0,
    "per_speaker": 200,
    "test_per_speaker": 250,
    "examples": 200,
}
BASIS = {"arithmetic": 1, "model": "0123456789"}
RANKS = Conditions(RANK_SETTING, BASIS)
GATES = Conditions({**RANK_SETTING, "sounds": "esc10", "per_mix": 80, "test_per_mix": 60}, BASIS)


def _cells(arms: tuple[Arm, ...], wers: Mapping[str, float], seeds: int, sets: tuple[str, ...]) -> dict[str, Cell]:
    """Cells of a plan whose arms have these WERs, with a little more in odd seeds."""
    plan, cells = _plan(arms, seeds, sets), dict[str, Cell]()
    while (trial := plan.next(cells)) is not None:
        errors = {
            name: {"ann": [round(1000 * wers[trial.arm]) + trial.seed % 2, 1000], "bob": [100, 1000]}
            for kind in ("", "static/")
            for name in (f"{kind}{each}" for each in sets)
        }
        figures = {
            "trainable_parameters": 1000.0,
            "training_s": 10.5,
            "sketch_s": 5.0,
            "non_speech_s": 120.0,
            "inserted_words": 4.0,
            "static_inserted_words": 6.0,
        }
        cell = Cell(trial.arm, trial.seed, dict(trial.dials), trial.is_dev, ["carl"], errors, figures)
        cells[trial.key] = cell
    return cells


def _plan(arms: tuple[Arm, ...], seeds: int, sets: tuple[str, ...]) -> Plan:
    return Plan(arms, seeds, 1, 1, 1, sets)


def _ranks(path: Path, seeds: int = 14, **wers: float) -> str:
    """The report on rank allocation."""
    arms = tuple(arm for arm in RANK_ARMS if arm.name in ("uniform", "sketch", "shuffled-0", "shuffled-1", "eva"))
    all_wers = {arm.name: wers.get(arm.name.replace("-", "_"), 0.3) for arm in arms}
    archive = Archive(path.with_suffix(".json"))
    archive.put(RANKS, _plan(arms, 14, ("test",)), _cells(arms, all_wers, seeds, ("test",)))
    RankReport().write(archive, path)
    return path.read_text()


def test_a_sketch_that_beats_uniform_but_not_its_control_is_not_claimed(tmp_path: Path) -> None:
    text = _ranks(tmp_path / "a.md", sketch=0.2, shuffled_0=0.2, shuffled_1=0.2)
    assert "| `sketch` is better than `uniform` | -5.0 (-" in text
    assert "of 3 claims 1 hold. `uniform` stays the default.**" in text
    assert text.count("**yes**") == 1 and text.count("**no**") == 2


def test_a_sketch_that_beats_both_is_claimed(tmp_path: Path) -> None:
    arms = {"uniform": 0.3, "shuffled_0": 0.3, "shuffled_1": 0.3}
    text = _ranks(tmp_path / "a.md", sketch=0.05, **arms)
    assert "**`sketch` beats `uniform` and its shuffled controls.**" in text


def test_a_sketch_that_is_worse_is_called_so(tmp_path: Path) -> None:
    text = _ranks(tmp_path / "a.md", sketch=0.9)
    assert "of 3 claims 0 hold, and `sketch` is worse than `uniform`, `shuffled-0`, `shuffled-1`" in text
    assert "better than `sketch`: `uniform` -30.0 (" in text and "14 seeds;" in text


def test_few_seeds_are_indicative_and_the_rest_is_said_to_be_missing(tmp_path: Path) -> None:
    text = _ranks(tmp_path / "a.md", seeds=3)
    assert "With 3 seeds this is indicative." in text
    assert "uniform 3 of 14, sketch 3 of 14" in text and "eva 1 of 1" in text


def test_one_seed_says_nothing(tmp_path: Path) -> None:
    text = _ranks(tmp_path / "a.md", seeds=1, sketch=0.9)
    assert "**Too few seeds (1) to say anything. `uniform` stays the default.**" in text
    assert "| `sketch` is better than `uniform` | +30.0 | 1 |  | **no** |" in text
    assert "No arm's interval against `sketch` leaves out zero." in text


def test_every_seed_and_every_point_of_the_tuning_is_shown(tmp_path: Path) -> None:
    text = _ranks(tmp_path / "a.md", uniform=0.3)
    assert "| 13 | carl | 20.1 |" in text and "| 12 | carl | 20.0 |" in text
    assert "| uniform | learning_rate | 0.001: 20.0%, 0.002: 20.0%," in text
    assert (tmp_path / "a-0.png").stat().st_size > 1000


def test_the_archive_makes_the_same_report_again(tmp_path: Path) -> None:
    text = _ranks(tmp_path / "a.md", sketch=0.2)
    archive = Archive(tmp_path / "a.json")
    RankReport().write(archive, tmp_path / "a.md")
    assert (tmp_path / "a.md").read_text() == text
    run = archive.runs()[0]
    archive.put(run.conditions, run.plan, {})  # a work folder that is empty takes nothing away
    assert archive.runs() == [run]
    archive.put(Conditions({**run.setting, "model": "tiny"}, BASIS), run.plan, run.cells)
    RankReport().write(archive, tmp_path / "a.md")
    assert "## In short" in (tmp_path / "a.md").read_text()


def test_runs_that_only_their_basis_tells_apart_stay_apart(tmp_path: Path) -> None:
    _ranks(tmp_path / "a.md", seeds=3)
    archive = Archive(tmp_path / "a.json")
    [run] = archive.runs()
    other = Conditions(RANK_SETTING, {**BASIS, "arithmetic": 2})
    archive.put(other, run.plan, {})
    assert archive.cells(RANKS) == run.cells and archive.cells(other) == {}
    RankReport().write(archive, tmp_path / "a.md")
    for conditions in (RANKS, other):
        assert f"## pico, rank 2, conditions {conditions.digest}" in (tmp_path / "a.md").read_text()


@pytest.mark.parametrize(
    ("wers", "said"),
    [
        ({"learned": 0.05}, "`learned` gates beat constant gates and their shuffled control on the mixes"),
        ({}, "No proof that `learned` helps: of 2 claims 0 hold. `qlora` stays the default method."),
    ],
)
def test_gates_have_to_beat_constant_and_shuffled_ones(wers: dict[str, float], said: str, tmp_path: Path) -> None:
    all_wers = {arm.name: wers.get(arm.name, 0.3) for arm in GATE_ARMS}
    archive = Archive(tmp_path / "t.json")
    cells = _cells(GATE_ARMS, all_wers, 14, SETS)
    archive.put(GATES, _plan(GATE_ARMS, 14, SETS), cells)
    GateReport().write(archive, tmp_path / "t.md")
    text = (tmp_path / "t.md").read_text()
    assert said in text
    assert "| learned | the method" in text and "| 2.0 | 3.0 |" in text  # 4 and 6 words in 120 s
    assert "WER of `learned-fast` on mixes less `shuffled-fast` +0.0, less `constant`" in text
    assert "clean (guard): `learned` is not worse than `constant` by more than 5% |" in text


def test_a_report_without_cells_claims_nothing(tmp_path: Path) -> None:
    plan = _plan(RANK_ARMS, 14, ("test",))
    archive = Archive(tmp_path / "a.json")
    trial = plan.next({})
    assert isinstance(trial, Trial)
    archive.put(RANKS, plan, {})
    RankReport().write(archive, tmp_path / "a.md")
    assert "The primary arms were not measured yet." in (tmp_path / "a.md").read_text()


def test_an_arm_without_the_one_it_is_tuned_like_is_an_error() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, "allocation", [arm.name for arm in RANK_ARMS], steps=60)
    arguments = parser.parse_args(["--arms", "uniform", "shuffled-1"])
    with pytest.raises(EngineError, match="shuffled-1 uses the dials of shuffled-0: add shuffled-0"):
        plan_of(arguments, RANK_ARMS, ("test",))


def test_an_archive_of_another_version_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"format": 1, "runs": [{"setting": {}}]}')
    with pytest.raises(EngineError, match=r"a\.json holds no cells of this version .*: move it away"):
        Archive(tmp_path / "a.json").runs()
