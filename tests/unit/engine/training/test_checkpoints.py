"""Checkpoints that were cut short or damaged."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.run.store import LocalRunStore
from engine.training.checkpoints import Checkpoint, Checkpoints
from engine.training.parallel import SINGLE, Parallel


def _checkpoint(step: int) -> Checkpoint:
    tensors = {"weights": {"a": torch.full((3,), float(step))}, "optimizer": {"0.step": torch.tensor(float(step))}}
    return Checkpoint(step, tensors, {"position": step})


def _saved(folder: Path, *steps: int) -> Checkpoints:
    checkpoints = Checkpoints(LocalRunStore(folder), keep=2)
    for step in steps:
        checkpoints.save(_checkpoint(step))
    return checkpoints


def test_the_newest_comes_back_and_old_ones_go(tmp_path: Path) -> None:
    newest = _saved(tmp_path, 10, 20, 30).load_newest()
    assert newest is not None
    assert newest.step == 30
    assert newest.state == {"position": 30}
    assert torch.equal(newest.tensors["weights"]["a"], torch.full((3,), 30.0))
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-00000020", "step-00000030"]


@pytest.mark.parametrize("damage", ["truncated", "no manifest", "manifest cut", "missing file", "bit flipped"])
def test_a_damaged_newest_one_is_passed_over(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = _saved(tmp_path, 10, 20)
    folder = tmp_path / "checkpoints" / "step-00000020"
    weights = folder / "weights.safetensors"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-4])
    elif damage == "no manifest":
        (folder / "manifest.json").unlink()
    elif damage == "manifest cut":
        (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes()[:40])
    elif damage == "missing file":
        weights.unlink()
    else:
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        loaded = checkpoints.load_newest()
    assert loaded is not None
    assert loaded.step == 10
    assert "checkpoint 20 is not whole" in caplog.text


def test_nothing_whole_is_nothing(tmp_path: Path) -> None:
    checkpoints = _saved(tmp_path, 10)
    manifest = tmp_path / "checkpoints" / "step-00000010" / "manifest.json"
    manifest.write_text(json.dumps({"format": 99, "files": {}}))
    assert checkpoints.load_newest() is None
    assert Checkpoints(LocalRunStore(tmp_path / "empty"), keep=2).load_newest() is None


class _TwoWorkers(Parallel):
    """This worker, and one that found another checkpoint."""

    other: int | None

    def gather_json(self, value: Any) -> list[Any]:
        return [value, self.other]


@pytest.mark.parametrize(("other", "agreed"), [(20, 20), (10, 10), (None, None)])
def test_workers_that_find_different_checkpoints_agree_on_the_older(
    tmp_path: Path, other: int | None, agreed: int | None
) -> None:
    checkpoints = _saved(tmp_path, 10, 20)
    parallel = _TwoWorkers()
    object.__setattr__(parallel, "other", other)
    checkpoint = checkpoints.load_newest_of_all(parallel)
    assert (checkpoint.step if checkpoint else None) == agreed
    alone = checkpoints.load_newest_of_all(SINGLE)
    assert alone is not None
    assert alone.step == 20
