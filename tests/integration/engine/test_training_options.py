"""What options of a training do to a run, seen from outside: its losses, its files, its figures."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers.models.whisper.modeling_whisper import WhisperAttention

from engine.errors import ConfigError
from tests.integration.engine.option_runs import Trained, train

Run = Any


@pytest.fixture
def run(tiny_whisper: Path, tones: Path, tmp_path: Path) -> Run:
    """A run of two steps with these changes."""
    number = itertools.count()

    def train_with(**changes: Any) -> Trained:
        return train(tiny_whisper, tones, tmp_path / str(next(number)), changes)

    return train_with


# ---- what is trained


@pytest.mark.parametrize("kind", ["qlora", "lora"])
def test_adapters_are_all_that_is_trained(kind: str, run: Run) -> None:
    trained = run(method={"type": kind, "rank": 4})
    assert trained.result.method == kind
    assert trained.result.trainable_parameters < trained.result.total_parameters / 5
    assert all("lora_" in name for name in trained.weights())


def test_a_full_training_begins_with_the_base_and_pretraining_does_not(run: Run, tiny_whisper: Path) -> None:
    before = load_file(tiny_whisper / "model.safetensors")
    optimizer = {"type": "sgd", "learning_rate": 1e-6}
    changed = {}
    for kind in ("full", "pretrain"):
        trained = run(method={"type": kind}, optimizer=optimizer)
        assert trained.result.trainable_parameters > 0.7 * trained.result.total_parameters
        after = trained.weights("model/model.safetensors")
        name = next(name for name in after if name.endswith("encoder.layers.0.fc1.weight"))
        changed[kind] = float((after[name] - before[name]).abs().max())
    assert 0 < changed["full"] < 1e-4
    assert changed["pretrain"] > 0.01


def test_optimizers_leave_the_states_of_their_kind(run: Run) -> None:
    def states(**optimizer: Any) -> dict[str, torch.dtype]:
        store = run(optimizer=optimizer).folder / "store"
        tensors = load_file(store / "checkpoints" / "step-00000002" / "optimizer.safetensors")
        return {name.split("/")[-1]: tensor.dtype for name, tensor in tensors.items() if name.startswith("0/")}

    assert states(type="adamw")["exp_avg"] == torch.float32
    assert states(type="adamw_8bit")["state1"] == torch.uint8
    assert list(states(type="sgd")) == ["momentum_buffer"]


def test_the_decay_of_adam_joins_the_gradient_and_that_of_adamw_does_not(run: Run) -> None:
    fields = {"learning_rate": 1e-3, "weight_decay": 1.0}
    adam, adamw = (run(optimizer={"type": kind, **fields}).weights() for kind in ("adam", "adamw"))
    assert any(not torch.equal(adam[name], adamw[name]) for name in adam)
    again = run(optimizer={"type": "adamw", **fields}).weights()
    assert all(torch.equal(again[name], adamw[name]) for name in adamw)


def test_layers_are_computed_again_where_activations_are_not_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    forward = WhisperAttention.forward

    def counted(self: Any, *arguments: Any, **named: Any) -> Any:
        calls.append(1)
        return forward(self, *arguments, **named)

    monkeypatch.setattr(WhisperAttention, "forward", counted)
    kept = run(gradient_checkpointing=False)
    plain, calls[:] = len(calls), []
    again = run(gradient_checkpointing=True)
    # Once to try the memory, and in each of 2 steps: one attention in each of 2 encoder layers, two in each of 2 decoder layers.
    assert len(calls) - plain == 3 * (2 + 2 * 2)
    assert again.losses == pytest.approx(kept.losses, rel=1e-5)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_run_in_half_precision_learns_what_one_in_float32_learns(precision: str, run: Run) -> None:
    whole = run(precision="float32", max_steps=4)
    half = run(precision=precision, max_steps=4)
    assert half.losses != whole.losses
    assert half.losses == pytest.approx(whole.losses, rel=0.05)
    state = json.loads((half.folder / "store" / "checkpoints" / "step-00000004" / "state.json").read_text())
    assert bool(state["scaler"]) is (precision == "float16")  # small gradients in float16 are scaled up


# ---- the loss


def test_the_reported_loss_has_label_smoothing(run: Run) -> None:
    """The tiny model is sure of wrong tokens: mass on all others lowers or raises its first loss, but never leaves it."""
    plain, smooth = run().losses[0], run(label_smoothing=0.3).losses[0]
    assert abs(plain - smooth) > 0.01


def test_the_seed_decides_adapters_and_order(run: Run) -> None:
    first, again, other = (run(seed=seed) for seed in (1, 1, 2))
    assert first.losses == again.losses
    assert first.losses != other.losses
    names = [name for name in first.weights() if "lora_A" in name]
    assert all(torch.equal(first.weights()[name], again.weights()[name]) for name in names)


# ---- splits


@pytest.mark.parametrize(("test", "validation", "rest"), [("s0", "s1", "s2"), ("s1", "s2", "s0")])
def test_speakers_are_kept_out_as_named(test: str, validation: str, rest: str, run: Run) -> None:
    splits = run(split={"test_groups": [test], "validation_groups": [validation]}).ids()
    assert {name: {i.split("_")[1] for i in ids} for name, ids in splits.items()} == {
        "train": {rest},
        "validation": {validation},
        "test": {test},
    }


def test_a_fraction_is_kept_out_and_at_most_so_many_are_measured(run: Run) -> None:
    split = {"test_groups": ["s2"], "validation_fraction": 0.25, "max_validation_examples": 5}
    trained = run(split=split, evaluation={"every_steps": 2})
    assert {name: len(ids) for name, ids in trained.ids().items()} == {"train": 36, "validation": 12, "test": 24}
    measured = [e.data["examples"] for e in trained.sink.events if e.key.startswith("evaluation/validation")]
    assert measured == [5]


# ---- evaluation and checkpoints


@pytest.mark.parametrize("base", [True, False])
def test_the_base_is_measured_when_asked(base: bool, run: Run) -> None:
    trained = run(evaluation={"base": base})
    assert (trained.result.base is not None) is base
    assert any(event.key == "evaluation/test/base" for event in trained.sink.events) is base


def test_as_many_checkpoints_are_kept_as_asked(run: Run) -> None:
    def saved(**checkpoint: int) -> list[str]:
        trained = run(max_steps=4, checkpoint=checkpoint)
        return sorted(path.name for path in (trained.folder / "store" / "checkpoints").iterdir())

    assert saved(every_steps=1, keep=3) == ["step-00000002", "step-00000003", "step-00000004"]
    assert saved(every_steps=1) == ["step-00000003", "step-00000004"]


def test_paged_states_are_refused_without_a_gpu(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.type: found paged_adamw_8bit"):
        run(optimizer={"type": "paged_adamw_8bit"})
