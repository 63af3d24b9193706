"""`lim ranks`, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from engine.config.allocations.given import FixedConfig
from services.cli.main import app

TRAINING = """
method:
  type: lora
  rank: 3
  allocation: {type: sketch, probe_rank: 6, examples: 12}
batch: {cost: 4, micro_batch_cost: 4}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "training.yaml").write_text(TRAINING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def ranks(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["ranks", "training.yaml", "--threads", "1", *arguments])


def test_it_prints_and_draws_rank_by_layer_and_group(folder: Path, tiny_whisper: Path, tones: Path) -> None:
    where = ("--data", str(tones), "--model", str(tiny_whisper))
    told = ranks(*where, "--out", "here")
    assert told.exit_code == 0, told.output
    found = json.loads((folder / "here" / "ranks.json").read_text())
    assert (folder / "here" / "ranks.png").read_bytes().startswith(b"\x89PNG")
    fixed = FixedConfig.model_validate(yaml.safe_load((folder / "here" / "fixed.yaml").read_text()))
    assert fixed.ranks == {layer["name"]: layer["rank"] for layer in found["layers"] if layer["rank"]}
    for group in ("audio_encoder", "fusion", "text_decoder"):
        assert group in told.output
    first = [layer["rank"] for layer in found["layers"] if layer["name"].startswith("model.encoder.layers.0.")]
    row = next(line for line in told.output.splitlines() if line.startswith("│ 0 "))
    assert [int(cell) for cell in row.split("│")[2:-1]] == first
    assert f"{found['budget']['spent']:,.0f} of {found['budget']['allowed']:,.0f} parameters" in told.output
    assert "12 examples in" in told.output

    # Told again from what is there; another budget is another question, and does not overwrite it.
    assert f"{found['measured']['wall_s']:.0f} s" in ranks(*where, "--out", "here").output
    changed = ("--set", "method.allocation.budget=2")
    other = ranks(*where, *changed, "--out", "here")
    assert other.exit_code == 2 and "method.allocation.budget: found 2.0; the finished work has nothing" in other.output
    assert ranks(*where, *changed).exit_code == 0
    assert len(list((folder / "build" / "ranks").glob("training-*/ranks.png"))) == 1


def test_what_is_missing_is_said(folder: Path, tiny_whisper: Path, tones: Path) -> None:
    assert "data: is missing: a training has no data; give --data FOLDER" in ranks().output
    where = ("--data", str(tones), "--model", str(tiny_whisper))
    uniform = ranks(*where, "--set", "method={type: lora}")
    assert uniform.exit_code == 2 and "--set training.method.allocation.type=sketch measures" in uniform.output
    whole = ranks(*where, "--set", "method={type: full}")
    assert "method.type: found full, which has no ranks: lora, qlora" in whole.output
