"""What happens when memory runs out, on the run of one line of arithmetic."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import TrainingError
from engine.run.step_downs import (
    STEP_DOWNS_KEY,
    MemoryKill,
    StepDown,
    add_kill,
    read_kills,
    read_step_downs,
    write_step_downs,
)
from engine.run.store import LocalRunStore
from engine.training.loop import TrainingLoop
from tests.unit.engine.training.toy import ToyBatch, ToyBound, ToyLearner, saying, train

FIELDS: Mapping[str, Any] = {
    "max_steps": 6,
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "context": {"type": "short", "bucket_s": 1.0, "tail_s": 0.0},
    "batch": {"cost": 8, "micro_batch_cost": 8},
    "log_every_steps": 1,
}
NUMBERS = saying(*range(24))


def _losses(trained: Any) -> list[float]:
    return [event["loss"] for event in trained.events if "loss" in event]


class Memory:
    """Room for so many examples at a time, from a call of the loss on; counted over all calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, after: int = 0) -> None:
        self.room, self.after, self.calls = room, after, 0
        loss = ToyLearner.loss
        memory = self

        def limited(self: ToyLearner, batch: ToyBatch) -> tuple[torch.Tensor, int]:
            memory.calls += 1
            torch.rand(3)  # as dropout would
            if memory.calls > memory.after and len(batch.numbers_B) > memory.room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nsegment stats ...")
            return loss(self, batch)

        monkeypatch.setattr(ToyLearner, "loss", limited)


@pytest.fixture
def undisturbed(tmp_path: Path) -> Any:
    return train(tmp_path / "undisturbed", dict(FIELDS), utterances=NUMBERS)


def test_the_largest_micro_batch_is_tried_first_and_changes_nothing(
    tmp_path: Path, undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(undisturbed.batches[0]) == 8
    draws: list[torch.Tensor] = []
    loss = ToyLearner.loss

    def drawing(self: ToyLearner, batch: ToyBatch) -> tuple[torch.Tensor, int]:
        draws.append(torch.rand(1))
        return loss(self, batch)

    monkeypatch.setattr(ToyLearner, "loss", drawing)
    torch.manual_seed(5)
    tried = train(tmp_path / "tried", dict(FIELDS), utterances=NUMBERS)
    with_warm_up, draws[:] = draws[1:], []
    monkeypatch.setattr(TrainingLoop, "_make_room", lambda self: None)
    torch.manual_seed(5)
    never = train(tmp_path / "never", dict(FIELDS), utterances=NUMBERS)
    assert _losses(tried) == _losses(never)
    assert tried.weights == never.weights
    assert tried.batches[1:7] == never.batches[:6]
    assert with_warm_up[: len(draws)] == draws


def test_the_largest_is_by_its_tensors_and_in_the_whole_data(tmp_path: Path) -> None:
    """Short first: the curriculum would hide the long ones. A long example pads its neighbours."""
    mixed = [*saying(*range(12), duration_s=1.0), *saying(*range(12, 16), duration_s=3.0)]
    named = [dataclasses.replace(u, id=f"n{i}") for i, u in enumerate(mixed)]
    fields = {**FIELDS, "batch": {"cost": 8, "micro_batch_cost": 6, "short_first_steps": 2}}
    trained = train(tmp_path, fields, utterances=named)
    assert set(trained.batches[0]) <= {"n12", "n13", "n14", "n15"}
    assert len(trained.batches[0]) == 2


def test_what_does_not_fit_is_halved_before_the_first_step(
    tmp_path: Path, undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memory(monkeypatch, room=3)
    trained = train(tmp_path / "run", dict(FIELDS), utterances=NUMBERS)
    assert _losses(trained) == pytest.approx(_losses(undisturbed), rel=1e-6)
    assert trained.weights == pytest.approx(undisturbed.weights, rel=1e-6)
    made = read_step_downs(LocalRunStore(trained.store))
    assert [(each.when, each.step, each.micro_batch_cost) for each in made] == [
        ("warm_up", 1, 4.0),
        ("warm_up", 1, 2.0),
    ]
    assert max(map(len, trained.batches[3:])) == 2
    assert made[0].found == "CUDA out of memory. Tried to allocate 2.00 GiB"


def test_a_step_that_does_not_fit_is_made_again_with_the_same_examples(
    tmp_path: Path, undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memory(monkeypatch, room=4, after=3)  # the warm-up and two steps
    trained = train(tmp_path / "run", dict(FIELDS), utterances=NUMBERS)
    assert _losses(trained) == pytest.approx(_losses(undisturbed), rel=1e-6)
    assert trained.weights == pytest.approx(undisturbed.weights, rel=1e-6)
    [made] = read_step_downs(LocalRunStore(trained.store))
    assert (made.when, made.step, made.micro_batch_cost_before, made.micro_batch_cost) == ("step", 3, 8.0, 4.0)
    assert [event["step"] for event in trained.events if "loss" in event] == [1, 2, 3, 4, 5, 6]
    assert made.sentence("audio_s") == (
        "memory ran out in step 3 (CUDA out of memory. Tried to allocate 2.00 GiB): from now on micro-batches have at "
        "most 4 instead of 8 audio_s; the global batch stays the same"
    )


def test_a_failed_step_draws_no_random_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss draws once for each micro-batch: two steps of one, and four of two."""
    Memory(monkeypatch, room=4, after=3)
    torch.manual_seed(3)
    train(tmp_path / "run", dict(FIELDS), utterances=NUMBERS)
    drawn = torch.get_rng_state()
    torch.manual_seed(3)
    for _ in range(2 + 4 * 2):
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_checkpointing_comes_last_and_then_the_run_says_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpointed: list[bool] = []
    monkeypatch.setattr(ToyBound, "can_checkpoint_activations", True)
    monkeypatch.setattr(ToyBound, "checkpoint_activations", lambda self: checkpointed.append(True), raising=False)
    Memory(monkeypatch, room=0)
    with pytest.raises(TrainingError) as raised:
        train(tmp_path, dict(FIELDS), utterances=NUMBERS)
    assert str(raised.value) == (
        "step 1 does not fit into memory (CUDA out of memory. Tried to allocate 2.00 GiB). Tried: micro-batches of 8, 4, 2, "
        "1 audio_s, down to one example; gradient_checkpointing. What helps: leave out the longest examples or use "
        "workers with more memory"
    )
    assert checkpointed == [True]
    made = read_step_downs(LocalRunStore(tmp_path / "store"))
    assert [(each.micro_batch_cost, each.gradient_checkpointing) for each in made] == [
        (4.0, False),
        (2.0, False),
        (1.0, False),
        (1.0, True),
    ]


def test_a_model_that_cannot_checkpoint_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Memory(monkeypatch, room=0)
    fields = {**FIELDS, "optimizer": {"type": "adamw"}, "method": {"type": "lora"}}
    with pytest.raises(TrainingError, match="gradient_checkpointing is not possible with this model") as raised:
        train(tmp_path, fields, utterances=NUMBERS)
    assert "set optimizer.type to adamw_8bit or set method.type to qlora" in str(raised.value)


def test_other_errors_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: ToyLearner, batch: ToyBatch) -> tuple[torch.Tensor, int]:
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(ToyLearner, "loss", broken)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        train(tmp_path, dict(FIELDS), utterances=NUMBERS)


def test_memory_that_runs_out_when_weights_change_is_said_to_need_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, closure: Any = None) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes")

    monkeypatch.setattr(torch.optim.SGD, "step", full)
    with pytest.raises(TrainingError, match="memory ran out when step 1 changed the weights .* do not help there"):
        train(tmp_path, dict(FIELDS), utterances=NUMBERS)


def test_a_kill_is_answered_once(tmp_path: Path, undisturbed: Any) -> None:
    store = LocalRunStore(tmp_path / "run" / "store")
    add_kill(store, MemoryKill(rank=1, found="Ray says so"))
    fields = {**FIELDS, "max_steps": 3}
    train(tmp_path / "run", fields, utterances=NUMBERS)
    [made] = read_step_downs(store)
    assert (made.when, made.step, made.micro_batch_cost, made.found) == ("killed", 1, 4.0, "Ray says so")
    again = train(tmp_path / "run", dict(FIELDS), utterances=NUMBERS)
    assert read_step_downs(store) == [made]
    assert max(map(len, again.batches)) == 4
    add_kill(store, MemoryKill(rank=0, found="the kernel says so"))
    assert [each.rank for each in read_kills(store)] == [1, 0]
    train(tmp_path / "run", {**FIELDS, "max_steps": 8}, utterances=NUMBERS)
    assert [(each.when, each.step, each.micro_batch_cost) for each in read_step_downs(store)] == [
        ("killed", 1, 4.0),
        ("killed", 7, 2.0),
    ]


def test_step_downs_are_kept(tmp_path: Path) -> None:
    store = LocalRunStore(tmp_path)
    assert read_step_downs(store) == []
    made = StepDown(
        when="step",
        step=4,
        found="full",
        micro_batch_cost_before=2.0,
        micro_batch_cost=2.0,
        gradient_checkpointing=True,
    )
    write_step_downs(store, [made])
    assert store.list(STEP_DOWNS_KEY) == [STEP_DOWNS_KEY]
    assert read_step_downs(store) == [made]
    assert made.sentence("tokens") == (
        "memory ran out in step 4 (full): from now on activations are recomputed in the backward pass "
        "(gradient_checkpointing); the global batch stays the same"
    )


class AddsGradient:
    """A method that adds a gradient of its own before each step, and remembers which steps it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.model: Any = None

    def attach(self, base: Any, reference: Any) -> Any:
        raise NotImplementedError

    def before_step(self, step: int) -> None:
        self.asked.append(step)
        for parameter in self.model.parameters():
            parameter.grad = torch.full_like(parameter, 100.0)

    def save(self, trained: Any, base: Any, learner: Any, folder: Path) -> None:
        raise NotImplementedError


def test_a_method_s_own_gradients_are_in_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = AddsGradient()
    made = TrainingLoop.__init__

    def remember(self: TrainingLoop, config: Any, *, model: Any, **others: Any) -> None:
        method.model = model
        made(self, config, model=model, **others)

    monkeypatch.setattr(TrainingLoop, "__init__", remember)
    trained = train(tmp_path, dict(FIELDS), utterances=NUMBERS, method=method)
    norms = [event["grad_norm"] for event in trained.events if "grad_norm" in event]
    assert len(norms) == 6 and min(norms) > 50
    # Tried out as in the last step, which trains most; then in order.
    assert method.asked == [5, *range(6)]
