from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app

GOOD_RUN = """
name: digits
data: recordings
training:
  max_steps: 10
"""

BAD_RUN = """
name: Bad Name
data: recordings
training:
  max_steps: -3
  optimzer: {}
  method: {type: qlora, rank: 0, quantization: int8}
resources:
  num_workers: 0
"""


def lim(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_a_valid_run_is_valid(tmp_path: Path) -> None:
    result = lim("validate", written(tmp_path, GOOD_RUN))
    assert result.exit_code == 0
    assert "a valid RunConfig" in result.stdout


def test_a_training_config_is_recognised(tmp_path: Path) -> None:
    result = lim("validate", written(tmp_path, "max_steps: 10\nmethod: {type: lora}\n"))
    assert result.exit_code == 0
    assert "a valid TrainingConfig" in result.stdout


def test_every_fault_is_named_at_once_with_its_path(tmp_path: Path) -> None:
    result = lim("validate", written(tmp_path, BAD_RUN))
    assert result.exit_code == 2
    assert result.stdout == ""
    for path in (
        "name: ",
        r"training\.max_steps: ",
        r"training\.optimzer: no such field",
        r"training\.method\.(qlora\.)?rank: ",
        r"training\.method\.(qlora\.)?quantization: ",
        r"resources\.num_workers: ",
    ):
        assert re.search(f"^  {path}", result.stderr, re.MULTILINE), path
    assert "has 6 faults" in result.stderr
    assert "found -3" in result.stderr
    assert "Traceback" not in result.stderr


def test_overrides_are_checked_too(tmp_path: Path) -> None:
    config = written(tmp_path, GOOD_RUN)
    assert (
        lim("validate", config, "--set", "training.method.rank=16", "--set", "training.method.type=lora").exit_code == 0
    )
    result = lim("validate", config, "--set", "training.max_steps=many")
    assert result.exit_code == 2
    assert "training.max_steps: " in result.stderr
    assert "found 'many'" in result.stderr


@pytest.mark.parametrize("command", ["validate", "train"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no config file at"),
        ("name: [", "is not valid YAML"),
        ("- a\n- b\n", "holds list; a config is a mapping of fields"),
    ],
)
def test_a_file_that_is_no_config_is_bad_input(tmp_path: Path, command: str, text: str | None, message: str) -> None:
    path = tmp_path / "missing.yaml" if text is None else written(tmp_path, text)
    result = lim(command, path)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("arguments", [(), ("--local",)])
def test_a_faulty_run_is_refused_before_anything_starts(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = lim("train", written(tmp_path, BAD_RUN), *arguments)
    assert result.exit_code == 2
    assert "has 6 faults" in result.stderr


def test_the_schema_has_defaults_and_descriptions(tmp_path: Path) -> None:
    out = tmp_path / "schemas" / "training.json"
    assert lim("schema", "--kind", "training", "--out", out).exit_code == 0
    schema = json.loads(out.read_text())
    assert schema["properties"]["log_every_steps"]["default"] == 10
    assert schema["properties"]["max_grad_norm"]["description"].startswith("Gradients are clipped")
    run = json.loads(lim("schema").stdout)
    assert "resources" in run["properties"]


@pytest.mark.parametrize("command", ["up", "train", "validate", "transcribe", "schema"])
def test_every_command_has_an_example_in_its_help(command: str) -> None:
    result = lim(command, "--help")
    assert result.exit_code == 0
    assert f"Example: lim {command}" in result.stdout
