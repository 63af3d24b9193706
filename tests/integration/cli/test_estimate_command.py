"""`lim estimate`, as a person calls it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from tests.tiny import write_tones

RUN = """\
method: {type: lora}
batch: {cost: 64, micro_batch_cost: 64}
max_steps: 20
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "training.yaml").write_text(RUN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["estimate", "training.yaml", *arguments])


def needed(result: Result, device: str) -> int:
    row = next(line for line in result.stdout.splitlines() if f" {device} " in line)
    return int(row.split("│")[3].strip().replace(",", ""))


def test_the_peak_is_told_by_phase_and_part_and_for_each_device(folder: Path) -> None:
    told = call("--longest-s", "4")
    assert told.exit_code == 0, told.stderr
    assert re.search(r"whisper-pico, lora: [\d,]+ MB", told.stdout)
    for word in ("loading", "training", "evaluating base", "base weights", "activations", "jetson-nano", "gpu-vm"):
        assert word in told.stdout
    larger = call("--longest-s", "4", "--set", "batch.cost=640", "--set", "batch.micro_batch_cost=640")
    assert needed(larger, "jetson-nano") > needed(told, "jetson-nano") + 500


def test_what_does_not_fit_is_told_with_what_would(folder: Path) -> None:
    asked = ("batch.cost=20000", "batch.micro_batch_cost=20000", "batch.max_examples=5000")
    told = call("--longest-s", "8", *(part for each in asked for part in ("--set", each)))
    row = next(line for line in told.stdout.splitlines() if " jetson-nano " in line)
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert cells[3] == "no" and float(cells[4]) > 8 and "batch.micro_batch_cost" in cells[5]
    fitting = ("batch.cost=20000", f"batch.micro_batch_cost={cells[4]}", "batch.max_examples=5000")
    again = call("--longest-s", "8", *(part for each in fitting for part in ("--set", each)))
    assert next(line for line in again.stdout.splitlines() if " jetson-nano " in line).split("│")[4].strip() == "yes"


def test_the_longest_example_of_the_data_counts_and_a_probe_measures(folder: Path) -> None:
    data = str(write_tones(folder / "tones"))
    told = call("--data", data)
    assert "the longest example has 0.8" in told.stdout
    probed = call("--data", data, "--probe", "--threads", "1")
    assert probed.exit_code == 0, probed.stderr
    assert "Measured" in probed.stdout and re.search(r"peak.*\([+-]\d+\.\d%\)", probed.stdout)


def test_a_probe_needs_data(folder: Path) -> None:
    told = call("--probe")
    assert told.exit_code == 2 and "give --data FOLDER" in told.stderr
