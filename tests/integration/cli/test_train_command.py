"""`lim train --local`, as a person calls it: what it says of the data, and of a run that has finished."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from services.cli.main import app

RUN = """
name: case
model: whisper-pico
data: recordings
training:
  batch: {cost: 4, micro_batch_cost: 4}
  max_steps: 2
  split: {validation_fraction: 0.0}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of recordings; to one of them, two rows have no file."""
    for number, name in enumerate(("recordings", "others")):
        source = tmp_path / name
        source.mkdir()
        rows = "file_name,text,speaker\n"
        for take in range(10):
            rows += f"{take}.wav,text {take},{'ann' if take < 8 else 'bo'}\n"
            wave_T = 0.2 * np.random.default_rng([number, take]).standard_normal(8_000)
            soundfile.write(source / f"{take}.wav", wave_T.clip(-1, 1), 16_000)
        (source / "metadata.csv").write_text(rows + "gone.wav,one,ann\nlost.wav,two,bo\n" * (number == 0))
    (tmp_path / "run.yaml").write_text(RUN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIM_HOME", str(tmp_path / "home"))
    return tmp_path


def train(*overrides: str) -> Result:
    arguments = [argument for override in overrides for argument in ("--set", override)]
    return CliRunner().invoke(app, ["train", "run.yaml", "--local", *arguments], terminal_width=200)


def test_it_says_what_was_found_and_never_gives_the_result_of_other_inputs(folder: Path) -> None:
    first = train()
    assert first.exit_code == 0, first.output
    assert "10 of 12 items are good: 5.0 s of audio, 2 speakers" in first.output
    assert '0.wav: "text 0" (ann)' in first.output
    assert "warning: 2 of 12 items were rejected:" in first.output
    assert "missing_audio 2: gone.wav, lost.wav" in first.output
    assert f"The whole report: {folder}/home/cache/datasets/ingested-" in first.output
    assert "8 examples, 0:04 of audio" in first.output
    assert "2 examples of bo" in first.output
    result = json.loads((folder / "build/runs/case/result.json").read_text())
    assert (result["train_examples"], result["test_groups"]) == (8, ["bo"])

    again = train()
    assert again.exit_code == 0, again.output
    assert f"This has finished already on {result['finished_at']}: nothing was trained this time" in again.output
    assert "training\n" not in again.output

    for overrides, told in (
        (("data=others",), "data: found other audio under the same texts"),
        (("training.max_steps=3",), "training.max_steps: found 3; the finished work has 2"),
    ):
        other = train(*overrides)
        assert other.exit_code == 2, other.output
        assert told in other.output
        assert "2 examples of bo" not in other.output

    rows = (folder / "recordings/metadata.csv").read_text()
    (folder / "recordings/metadata.csv").write_text(rows.replace("text 3", "text three"))
    changed = train()
    assert changed.exit_code == 2, changed.output
    assert "data: found other recordings or texts (manifest.jsonl) than in the finished work" in changed.output
    assert json.loads((folder / "build/runs/case/result.json").read_text()) == result


def test_what_has_no_effect_in_this_process_is_said(folder: Path) -> None:
    result = train(
        "training.max_steps=1",
        "resources.num_workers=2",
        'resources.label_selector={"lim/device-class": "cpu"}',
        "resources.threads_per_worker=1",
        "storage=s3://elsewhere/runs/case",
    )
    assert result.exit_code == 0, result.output
    for name in ("resources.num_workers", "resources.label_selector", "storage"):
        assert f"{name} has no effect with --local: one worker trains in this process" in result.output
    assert "resources.threads_per_worker has no effect" not in result.output
