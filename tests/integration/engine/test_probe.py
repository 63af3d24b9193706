"""A probe: the peaks of a real run, in a process of its own, beside the prediction."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.training import TrainingConfig
from engine.errors import TrainingError
from engine.memory.calibration import CPU
from engine.memory.peak import peak_memory
from engine.memory.shape import Longest
from engine.memory.sizes import sizes_of
from engine.models.catalogue import find_model
from engine.stages.probe import probe
from tests.tiny import write_tiny_whisper, write_tones


def config(micro_batch_cost: float, **fields: object) -> TrainingConfig:
    batch = {"cost": micro_batch_cost, "micro_batch_cost": micro_batch_cost}
    return TrainingConfig.model_validate(
        {"method": {"type": "lora"}, "batch": batch, "context": {"type": "short"}, "epochs": 3, "precision": "float32"}
        | fields
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("tones"), speakers=4, takes=12)


def test_a_larger_batch_takes_what_the_prediction_says(data: Path, tmp_path: Path) -> None:
    model = write_tiny_whisper(tmp_path / "model", width=256)
    sizes = sizes_of(find_model(str(model)))
    small, large = config(8.0), config(80.0)
    grown = [probe(str(model), data, each, threads=1) for each in (small, large)]
    told = [peak_memory(sizes, each, 4, longest=Longest(0.9, letters=6)) for each in (small, large)]
    # The machine's libraries take what they take; the difference is the batch's.
    measured, predicted = (
        each[1] - each[0] for each in ([m.peaks["training"] for m in grown], [t.totals["training"] for t in told])
    )
    assert measured == pytest.approx(predicted, rel=0.25)
    assert predicted > 50e6
    assert grown[1].peak_bytes == max(grown[1].peaks.values()) > grown[1].start_bytes
    assert grown[1].start_bytes == pytest.approx(CPU.fresh_bytes, rel=0.25)
    assert {"loading", "training", "evaluating_base", "evaluating"} <= grown[0].peaks.keys()


def test_what_decides_by_evaluations_does_not_hinder_a_probe(data: Path, tmp_path: Path) -> None:
    model = write_tiny_whisper(tmp_path / "model")
    asked = config(
        8.0, evaluation={"every_steps": 5, "keep": "best", "base": False}, schedule={"type": "plateau"}, ema_decay=0.9
    )
    assert "evaluating_base" not in probe(str(model), data, asked, threads=1).peaks


def test_a_probe_that_fails_says_why(data: Path, tmp_path: Path) -> None:
    model = write_tiny_whisper(tmp_path / "model")
    (model / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(TrainingError, match="the probe failed: .*"):
        probe(str(model), data, config(8.0), threads=1)
