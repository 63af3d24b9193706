"""The pools of the study on selection: what is in them, and who is where."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from engine.data.example import Utterance, make_utterance
from engine.data.manifest import read_manifest, write_manifest
from engine.data.shards import RATE_HZ, ShardWriter
from engine.errors import ConfigError
from tuning.studies.archive import Conditions
from tuning.studies.selection.__main__ import main
from tuning.studies.selection.arms import FULL, METHOD, primary, secondary
from tuning.studies.selection.cells import Cell
from tuning.studies.selection.plan import Plan, SelectionArchive
from tuning.studies.selection.pools import PoolConfig, PoolName, is_wrong, write_pool
from tuning.studies.selection.report import write_report
from tuning.studies.speakers import division

CONFIG = PoolConfig(per_speaker=40, test_per_speaker=20)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    writer, utterances = ShardWriter(folder, 600.0), []
    for speaker in ("ann", "bob", "cleo", "dan"):
        for number in range(60):
            samples_T = np.random.default_rng(number).integers(-8000, 8000, RATE_HZ // 10).astype(np.int16)
            shard, start_s = writer.add(samples_T)
            text = ("one", "two", "three")[number % 3]
            utterances.append(make_utterance(f"{speaker}-{number:02d}", shard, start_s, 0.1, text, speaker))
    writer.close()
    write_manifest(folder / "manifest.jsonl", utterances)
    return folder


def _pool(source: Path, folder: Path, name: PoolName, seed: int = 0, dev: bool = False) -> list[Utterance]:
    write_pool(
        source, folder, name, CONFIG, train_speakers=["ann", "bob"], test_groups=["cleo", "dan"], seed=seed, dev=dev
    )
    return read_manifest(folder / "manifest.jsonl")


def test_the_clean_pool_is_the_recordings_as_they_are(source: Path, tmp_path: Path) -> None:
    truth = {u.id: u for u in read_manifest(source / "manifest.jsonl")}
    pool = _pool(source, tmp_path, "clean")
    train = [u for u in pool if u.split == "train"]
    assert Counter(u.group for u in train) == {"ann": 40, "bob": 40}
    assert all(not is_wrong(u.id) and u.target.text == truth[u.id.split("-", 1)[1][:-2]].target.text for u in train)
    assert {u.input.duration_s for u in pool} == {0.1}
    assert Counter(u.group for u in pool if u.split == "test") == {"cleo": 20, "dan": 20}


def test_the_noisy_pool_has_copies_wrong_texts_and_silence(source: Path, tmp_path: Path) -> None:
    truth = {u.id: u for u in read_manifest(source / "manifest.jsonl")}
    train = [u for u in _pool(source, tmp_path, "noisy") if u.split == "train"]
    assert len(train) == 80
    originals = Counter(u.id.split("-", 1)[1][:-2] for u in train)
    assert Counter(originals.values()) == {4: 12, 1: 32}
    for u in train:
        assert is_wrong(u.id) == (u.target.text != truth[u.id.split("-", 1)[1][:-2]].target.text)
    assert 3 <= sum(is_wrong(u.id) for u in train) <= 20
    padded = [u.input.duration_s for u in train if u.input.duration_s > 0.1]
    assert 12 <= len(padded) <= 38
    assert min(padded) >= 0.7 and max(padded) <= 1.7


def test_dev_and_test_share_no_recording_and_seeds_differ(source: Path, tmp_path: Path) -> None:
    pools = {
        (seed, dev): _pool(source, tmp_path / f"{seed}-{dev}", "clean", seed, dev)
        for seed in (0, 1)
        for dev in (False, True)
    }
    tested = {key: {u.id for u in pool if u.split == "test"} for key, pool in pools.items()}
    assert not tested[0, False] & tested[0, True]
    assert tested[0, False] == tested[1, False]
    trained = {key: {u.id for u in pool if u.split == "train"} for key, pool in pools.items()}
    assert trained[0, False] == trained[0, True] != trained[1, False]


def test_a_speaker_with_too_little_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="speaker eve has 0 utterances"):
        write_pool(source, tmp_path, "clean", CONFIG, train_speakers=["ann"], test_groups=["eve"], seed=0)


def test_every_half_of_the_speakers_is_trained_on_in_turn() -> None:
    speakers = ["ann", "bob", "cleo", "dan"]
    halves = [division(speakers, seed) for seed in range(6)]
    assert len({tuple(train) for train, _ in halves}) == 6
    assert all(sorted(train + test) == speakers for train, test in halves)
    assert division(speakers, 6) == halves[0]


def test_the_first_halves_of_many_speakers_differ_much() -> None:
    speakers = [f"s{number}" for number in range(10)]
    first, second, third = (set(division(speakers, seed)[0]) for seed in range(3))
    assert max(len(first & second), len(second & third), len(first & third)) <= 3


CONDITIONS = Conditions(
    {
        "model": "whisper-pico",
        "data": "fsdd",
        "speakers": ["ann", "bob"],
        "recipe": "some.yaml",
        "pool": asdict(PoolConfig()),
        "full_steps": 20,
    },
    {"arithmetic": 1},
)
PLAN = Plan(("noisy",), (0.5,), 3, 0, 0, 5e-4)


def _cells_of(plan: Plan, seeds: int) -> dict[str, Cell]:
    """Cells of the tests of some seeds, of which the method's have half of the errors."""
    rates = plan.rates({})
    assert rates is not None
    return {
        (cell := _cell(pool, arm.name, arm.share, rate, seed, wrong=4 if arm.name == METHOD else 8)).key: cell
        for pool, seed, wanted, _ in plan.jobs(rates)
        for arm, rate in wanted
        if seed < seeds
    }


def test_a_report_of_one_pool_and_one_share_tells_of_those_alone(tmp_path: Path) -> None:
    archive = SelectionArchive(tmp_path / "report.json")
    archive.put(CONDITIONS, PLAN, _cells_of(PLAN, 3))
    write_report(archive, tmp_path / "report.md")
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| noisy pool: 50% selected is not worse than everything by more than 5% | -4.4 (" in report
    assert "| noisy pool: 50% selected is better than 50% drawn evenly over durations | -4.0 (" in report
    assert f"| {METHOD} | 0.5 | 3 | 4.0% | -4.0 (" in report
    assert "the recipe `some.yaml`" in report and "not tuned for each arm" in report
    assert "primary arms: noisy pool 3 of 3." in report and "[report.json](report.json)" in report
    assert "clean" not in report.split("### Claims")[1]


def test_the_report_of_a_seed_shows_no_interval(tmp_path: Path) -> None:
    archive = SelectionArchive(tmp_path / "report.json")
    plan = Plan(("noisy", "clean"), (0.5,), 14, 0, 0, 5e-4)
    archive.put(CONDITIONS, plan, _cells_of(plan, 1))
    write_report(archive, tmp_path / "report.md")
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert f"| {METHOD} | 0.5 | 1 | 4.0% | -4.0 | -4.0 |" in report and "**yes**" not in report
    assert "noisy pool 1 of 14, clean pool 1 of 14" in report


def test_learning_rates_are_the_best_on_dev() -> None:
    plan = Plan(("noisy",), (0.5,), 3, 0, 1, 5e-4)
    trials = {
        (cell := _cell(pool, arm.name, arm.share, rate, seed, wrong=round(1000 * abs(rate - 2e-3)), dev=True)).key: cell
        for pool, seed, wanted, _ in plan.dev_jobs()
        for arm, rate in wanted
    }
    rates = plan.rates(trials)
    assert rates is not None and set(rates.values()) == {2e-3} and len(rates) == 3
    trials.popitem()
    assert plan.rates(trials) is None


def test_a_study_goes_on_from_its_archive_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report, work = tmp_path / "selection.md", tmp_path / "work"
    plan = {"pools": "noisy", "shares": 0.5, "seeds": 2, "secondary-seeds": 0, "tuning-seeds": 0, "full-steps": 20}
    sizes = {"fewest": 1, "per-speaker": 10, "processes": 1, "minutes": 0, "work": work, "report": report}
    options = [f"--{name}={value}" for name, value in {**plan, **sizes}.items()]
    monkeypatch.setattr("sys.argv", ["study", *options, "--only-report"])
    assert main() == 2 and "selection.json holds no cells" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["study", *options])
    assert main() == 0
    assert "0 cells taken from the archive, 0 in all" in capsys.readouterr().out
    assert "No test was measured yet." in report.read_text(encoding="utf-8")

    archive = SelectionArchive(report.with_suffix(".json"))
    [run] = archive.runs()
    cells = _cells_of(run.plan, 2)
    archive.put(run.conditions, run.plan, cells)
    shutil.rmtree(work)
    assert main() == 0
    told = f"{len(cells)} cells taken from the archive, {len(cells)} in all"
    said = capsys.readouterr().out
    assert told in said and "the plan is complete" in said
    assert archive.runs()[0].cells == cells
    assert "noisy pool 2 of 2" in report.read_text(encoding="utf-8")

    monkeypatch.setattr("sys.argv", ["study", *options, "--full-steps=30"])
    assert main() == 0
    assert "0 cells taken from the archive, 0 in all" in capsys.readouterr().out
    assert len(archive.runs()) == 2


def _cell(pool: str, arm: str, share: float, rate: float, seed: int, wrong: int, dev: bool = False) -> Cell:
    return Cell(
        pool=pool,
        seed=seed,
        arm=arm,
        share=share,
        learning_rate=rate,
        dev=dev,
        train_speakers=["ann"],
        errors={"bob": [wrong, 100]},
        wer=wrong / 100,
        steps=20,
        selected=50,
        wrong_share=0.1,
        wrong_weight=0.1,
        encoder_s=1500.0,
        training_s=60.0,
        selection_s=30.0,
        peak_bytes=2**30,
        trainable_parameters=1,
        decision={"enabled": False},
    )


def test_arms_have_names_of_their_own() -> None:
    arms = primary() + secondary()
    assert len({arm.key for arm in arms}) == len(arms)
    assert [arm.name for arm in arms if arm.share == 1.0] == [FULL]
