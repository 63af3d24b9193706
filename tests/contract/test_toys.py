"""The stages train and measure tasks of other media, of which the product knows nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from engine.errors import ConfigError
from engine.families.registry import FAMILIES, FamilyEntry
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.finetune import finetune
from tests.contract.toys import TRAININGS, write_data, write_model

STEPS = 30
UNITS = {"text": "tokens", "image": "pixels"}


@pytest.fixture(params=TRAININGS)
def medium(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A medium whose toy is registered for the test."""
    name: str = request.param
    family = FamilyEntry((f"toy_{name}",), {f"toy_{name}": "tests.contract.toys"}, ("layers",))
    monkeypatch.setitem(FAMILIES, f"toy_{name}", family)  # type: ignore[arg-type]
    return name


def _train(medium: str, folder: Path, sink: MemorySink | None = None, stop_after: int = 0, **changes: Any) -> RunResult:
    polled = iter(range(10**6))
    fields: dict[str, Any] = {
        "method": {"type": "lora", "rank": 4},
        "optimizer": {"type": "adamw", "learning_rate": 1e-2},
        "schedule": {"type": "constant"},
        "split": {"test_groups": ["g3"], "validation_fraction": 0.2},
        "batch": {"cost": 128, "micro_batch_cost": 64},
        "evaluation": {"every_steps": 10, "keep": "best"},
        "checkpoint": {"every_steps": 5},
        "max_steps": STEPS,
        "log_every_steps": 1,
    }
    return finetune(
        model=str(write_model(folder.parent / "model", medium)),
        data=write_data(folder.parent / "data", medium),
        config=TRAININGS[medium].model_validate(fields | changes),
        store=LocalRunStore(folder / "store"),
        events=sink or MemorySink(),
        work_dir=folder / "scratch",
        should_stop=lambda: bool(stop_after) and next(polled) >= stop_after - 1,
    )


def test_it_learns_and_is_counted_in_its_own_unit(medium: str, tmp_path: Path) -> None:
    sink = MemorySink()
    result = _train(medium, tmp_path / "run", sink)
    losses = [event.data["loss"] for event in sink.events if event.key.startswith("train/")]
    assert len(losses) == STEPS and np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])
    assert (result.status, result.primary, result.cost_unit) == ("succeeded", "accuracy", UNITS[medium])
    assert result.tuned is not None and result.tuned["accuracy"] > 0.8
    assert result.test_groups == ["g3"]
    assert {event.data["cost_unit"] for event in sink.events if event.key.startswith("train/")} == {UNITS[medium]}
    rows = [json.loads(line) for line in (tmp_path / "run/store/predictions.jsonl").read_text().splitlines()]
    assert len(rows) == result.test_examples == 12
    assert UNITS[medium] in (tmp_path / "run/store/adapter/README.md").read_text()


def test_only_adapters_and_the_head_are_saved(medium: str, tmp_path: Path) -> None:
    _train(medium, tmp_path / "run", max_steps=2, evaluation={})
    names = load_file(tmp_path / "run/store/adapter/adapter_model.safetensors").keys()
    assert {name.split(".")[2] for name in names} == {"first", "second", "head"}
    assert all("lora_" in name or ".head." in name for name in names)


def test_a_family_has_parts_of_its_own(medium: str, tmp_path: Path) -> None:
    of_layers = {"type": "lora", "rank": 4, "groups": ["layers"]}
    assert _train(medium, tmp_path / "run", max_steps=2, evaluation={}, method=of_layers).status == "succeeded"
    with pytest.raises(ConfigError, match=r"found fusion; the parts of \S+ are layers"):
        _train(medium, tmp_path / "other", method=of_layers | {"groups": ["fusion"]})
    with pytest.raises(ValidationError, match="no part 'wheels'; the families' parts are .*, layers"):
        _train(medium, tmp_path / "third", method=of_layers | {"groups": ["wheels"]})


def test_a_stopped_run_goes_on_exactly(medium: str, tmp_path: Path) -> None:
    _train(medium, tmp_path / "whole")
    assert _train(medium, tmp_path / "stopped", stop_after=12).status == "stopped"
    assert _train(medium, tmp_path / "stopped").status == "succeeded"
    whole, stopped = (
        load_file(tmp_path / name / "store/adapter/adapter_model.safetensors") for name in ("whole", "stopped")
    )
    assert whole.keys() == stopped.keys()
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)
