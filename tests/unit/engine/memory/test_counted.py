"""The first-order model beside a real step, whose tensors are counted one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.config.training import TrainingConfig
from engine.memory.architecture import architecture_of
from engine.memory.first_order import peak_memory, trainable_parameters
from engine.models.catalogue import find_model
from tests.tiny import write_tiny_whisper
from tests.unit.engine.memory.counted import count_step

METHODS: dict[str, dict[str, Any]] = {
    "qlora": {"method": {"type": "qlora", "rank": 16}},
    "lora of some layers": {"method": {"type": "lora", "rank": 4, "target_modules": ["q_proj", "fc2"]}},
    "full": {"method": {"type": "full"}},
}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"type": "adamw"},
    "adamw_8bit": {"type": "adamw_8bit"},
    "sgd": {"type": "sgd"},
    "sgd without momentum": {"type": "sgd", "momentum": 0.0},
}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose layers outweigh its embeddings."""
    return write_tiny_whisper(tmp_path_factory.mktemp("wide"), width=256)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("method", METHODS)
def test_weights_gradients_and_states_are_what_is_there(method: str, optimizer: str) -> None:
    config = TrainingConfig.model_validate(METHODS[method] | {"optimizer": OPTIMIZERS[optimizer], "ema_decay": 0.9})
    sizes = architecture_of(find_model("whisper-pico"))
    parts = peak_memory(sizes, config, 4).parts
    counted = count_step("whisper-pico", config, seconds=1.0, utterances=1, tokens=8)
    # Exact for adapters; norms and biases of a whole model, under 2 % of its weights, are left out.
    exact = 0.02 if method == "full" else 0.0
    assert trainable_parameters(sizes, config) == pytest.approx(counted.trained, rel=exact)
    assert parts["base_weights"] == pytest.approx(counted.base_weights, rel=0.03)
    assert parts.get("adapter", 0) == counted.adapter
    assert parts["gradients"] == pytest.approx(counted.gradients, rel=exact)
    assert parts["weight_copies"] == pytest.approx(counted.average, rel=exact)
    # Each tensor has a step counter too.
    assert parts["optimizer_states"] == pytest.approx(counted.optimizer_states, rel=max(exact, 0.002))


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("method", ["qlora", "full"])
def test_activations_are_nearly_what_is_kept(method: str, checkpointing: bool, wide: Path) -> None:
    fields = METHODS[method] | {"gradient_checkpointing": checkpointing}
    fields["batch"] = {"cost": 12, "micro_batch_cost": 12}
    config = TrainingConfig.model_validate(fields)
    sizes = architecture_of(find_model(str(wide)))
    counted = count_step(str(wide), config, seconds=4.0, utterances=3, tokens=round(4 * sizes.tokens_per_s))
    estimated = peak_memory(sizes, config, 4).parts["activations"]
    if checkpointing:  # the layer that is computed again is not kept while the forward pass is counted
        assert counted.activations < estimated < 15 * counted.activations
    else:
        assert estimated == pytest.approx(counted.activations, rel=0.15)


def test_whole_windows_are_in_the_micro_batch() -> None:
    sizes = architecture_of(find_model("whisper-pico"))
    batch = {"cost": 4, "micro_batch_cost": 4}

    def activations(**context: Any) -> int:
        config = TrainingConfig.model_validate({"batch": batch, "context": {"type": "short", **context}})
        return peak_memory(sizes, config, 4).parts["activations"]

    assert activations(whole_window_share=0.01) == pytest.approx(activations() * 30 / 4, rel=0.01)


def test_averages_and_best_weights_are_copies() -> None:
    sizes = architecture_of(find_model("whisper-pico"))

    def copies(**fields: Any) -> int:
        config = TrainingConfig.model_validate({"evaluation": {"every_steps": 5}} | fields)
        assert peak_memory(sizes, config, 4).parts["adapter"] == one
        return peak_memory(sizes, config, 4).parts["weight_copies"]

    one = 4 * trainable_parameters(sizes, TrainingConfig())
    best = {"evaluation": {"every_steps": 5, "keep": "best"}}
    assert [copies(), copies(ema_decay=0.9), copies(**best), copies(ema_decay=0.9, **best)] == [0, one, one, 2 * one]


def test_tokens_of_a_second_depend_on_the_tokenizer() -> None:
    """A byte each for whisper-pico; words and their parts for the published models."""
    assert architecture_of(find_model("whisper-pico")).tokens_per_s == 15.0
    assert architecture_of(find_model("whisper-tiny")).tokens_per_s == 4.0
