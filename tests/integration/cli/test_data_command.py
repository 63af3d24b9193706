"""`lim data` on real recordings, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from engine.models.catalogue import PROJECT_ROOT
from engine.selection.manifest import read_selected
from services.cli.main import app

RANDOM = PROJECT_ROOT / "configs" / "selection" / "random.yaml"


def lim(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], terminal_width=200)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Twelve recordings by three people, one that is silent and one that is no audio."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for speaker in ("ann", "bo", "cy"):
        for take in range(4):
            wave_T = 0.3 * generator.standard_normal(8_000 + 400 * take)
            soundfile.write(folder / f"{take}_{speaker}_{take}.wav", wave_T.clip(-1, 1), 16_000)
    soundfile.write(folder / "5_ann_9.wav", np.zeros(8_000), 16_000)
    (folder / "6_ann_9.wav").write_bytes(b"no audio at all")
    return folder


def test_inspect_names_what_is_rejected_and_keeps_nothing(recordings: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = lim("data", "inspect", recordings, "--out", tmp_path / "report.json")
    assert result.exit_code == 0, result.output
    assert "12 good, 2 rejected, of 14" in result.stdout
    assert "rejected: 5_ann_9.wav: nothing in its 0.50 s is louder than" in result.stderr
    assert "rejected: 6_ann_9.wav" in result.stderr
    assert '  0_ann_0.wav: "zero" (ann)' in result.stdout
    assert f"The whole report: {tmp_path / 'report.json'}" in result.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert {item["path"] for item in report["set_aside"]} == {"5_ann_9.wav", "6_ann_9.wav"}
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "report.json"])


def test_inspect_reports_where_nothing_is_good(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "5_ann_9.wav", np.zeros(8_000), 16_000)
    result = lim("data", "inspect", tmp_path)
    assert result.exit_code == 0, result.output
    assert "0 good, 1 rejected, of 1" in result.stdout


def test_inspect_of_a_version_without_its_report_says_so(recordings: Path, tmp_path: Path) -> None:
    version = tmp_path / "version"
    assert lim("data", "import", recordings, version).exit_code == 0
    assert f"The whole report: {version / 'report.json'}" in lim("data", "inspect", version).stdout
    (version / "report.json").unlink()
    result = lim("data", "inspect", version)
    assert result.exit_code == 2
    assert "is a dataset version (it has a manifest.jsonl) without a report.json" in result.stderr


def test_import_makes_a_version_that_inspect_knows_and_never_overwrites(recordings: Path, tmp_path: Path) -> None:
    version = tmp_path / "version"
    assert lim("data", "import", recordings, version).exit_code == 0
    assert len((version / "manifest.jsonl").read_text().splitlines()) == 12
    assert "12 good, 2 rejected" in lim("data", "inspect", version).stdout
    again = lim("data", "import", recordings, version)
    assert again.exit_code == 2
    assert "already holds a dataset version, which never changes; give another folder" in again.stderr


def test_a_dry_run_predicts_and_writes_nothing(recordings: Path, tmp_path: Path) -> None:
    assert lim("data", "import", recordings, tmp_path / "version").exit_code == 0
    result = lim("data", "select", tmp_path / "version", tmp_path / "out", "--config", RANDOM, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "the selection saves" in result.stdout
    assert not (tmp_path / "out").exists()


def test_select_writes_a_selection_within_its_budget(recordings: Path, tmp_path: Path) -> None:
    assert lim("data", "import", recordings, tmp_path / "version").exit_code == 0
    result = lim("data", "select", tmp_path / "version", tmp_path / "out", "--config", RANDOM)
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file())
    assert names == ["inputs.json", "segments.parquet", "selection.json"]
    figures = json.loads((tmp_path / "out" / "selection.json").read_text())["figures"]
    assert 0 < figures["selected"] < figures["segments"]
    assert figures["selected_encoder_s"] <= figures["budget_encoder_s"]


def test_the_speed_of_training_that_is_given_predicts_the_saving(recordings: Path, tmp_path: Path) -> None:
    assert lim("data", "import", recordings, tmp_path / "version").exit_code == 0
    told = {}
    for speed in ("10", "1000"):
        out = tmp_path / speed
        result = lim("data", "select", tmp_path / "version", out, "--config", RANDOM, "--encoder-s-per-s", speed)
        assert result.exit_code == 0, result.output
        assert "the selection " in result.stdout
        told[speed] = json.loads((out / "selection.json").read_text())["saving"]["encoder_s_per_s"]
    assert told == {"10": 10.0, "1000": 1000.0}


def test_select_says_what_is_odd(recordings: Path, tmp_path: Path) -> None:
    """Nobody says in noise what the names of these files say."""
    assert lim("data", "import", recordings, tmp_path / "version").exit_code == 0
    run = tmp_path / "run.yaml"
    run.write_text("name: one\ndata: version\ntraining: {max_steps: 5, split: {test_groups: [cy]}}\n")
    method = ("--set", "method.type=reducible_loss", "--set", "method.wrong_text_nats=0.05")
    result = lim("data", "select", tmp_path / "version", tmp_path / "out", "--for", run, *method)
    assert result.exit_code == 0, result.output
    assert "warning: wrong_text: the model contradicts" in result.output


def test_faults_of_a_selection_are_all_named(recordings: Path, tmp_path: Path) -> None:
    result = lim("data", "select", recordings, tmp_path / "out", "--set", "seed=-1", "--set", "methd.type=random")
    assert result.exit_code == 2
    assert "has 2 faults" in result.stderr
    assert "seed:" in result.stderr and "methd: no such field" in result.stderr


def test_a_selection_is_made_for_a_run(recordings: Path, tmp_path: Path) -> None:
    """Nobody that the run tests on is chosen."""
    assert lim("data", "import", recordings, tmp_path / "version").exit_code == 0
    run = tmp_path / "run.yaml"
    run.write_text("name: one\ndata: version\ntraining: {max_steps: 5, split: {test_groups: [cy]}}\n")
    every = ("data", "select", tmp_path / "version", "--config", RANDOM, "--set", "budget.fraction=1.0")
    result = lim(*every[:3], tmp_path / "out", *every[3:], "--for", run)
    assert result.exit_code == 0, result.output
    assert {u.group for u in read_selected(tmp_path / "out")} == {"ann", "bo"}
    run.write_text("name: one\ndata: version\ntraining: {max_steps: -5}\n")
    refused = lim("data", "select", tmp_path / "version", tmp_path / "other", "--for", run)
    assert refused.exit_code == 2
    assert "training.max_steps" in refused.stderr


def test_a_selection_config_is_recognised() -> None:
    result = lim("validate", RANDOM)
    assert result.exit_code == 0
    assert "a valid SelectionConfig" in result.stdout


def test_a_selection_on_the_cluster_is_recognised() -> None:
    path = PROJECT_ROOT / "configs" / "selection-runs" / "digits.yaml"
    result = lim("validate", path)
    assert result.exit_code == 0, result.output
    assert "selection-run" in result.output
    refused = lim("validate", path, "--set", "selection.budget.fraction=2", "--set", "resources.workers=3")
    assert refused.exit_code == 2
    assert "selection.budget" in refused.stderr and "resources.workers: no such field" in refused.stderr
