"""The memory model beside a real step, whose tensors are counted one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.config.training import BatchConfig, TrainingConfig
from engine.memory.peak import peak_memory, trainable_parameters
from engine.memory.shape import Longest
from engine.memory.sizes import sizes_of
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
    sizes = sizes_of(find_model("whisper-pico"))
    # Several micro-batches, so that the gradients of the first ones are there at the peak.
    several = config.model_copy(update={"batch": BatchConfig(cost=240.0, micro_batch_cost=60.0)})
    parts = peak_memory(sizes, several, 4).phases["training"]
    counted = count_step("whisper-pico", config, seconds=1.0, utterances=1, tokens=8)
    assert trainable_parameters(sizes, config) == counted.trained
    # The constants of 4-bit blocks are not counted there.
    assert parts["base_weights"] == pytest.approx(counted.base_weights, rel=0.02 if method == "qlora" else 0.0)
    assert parts.get("adapter", 0) == counted.adapter
    assert parts["gradients"] == counted.gradients
    assert parts["weight_copies"] == counted.average
    # Each tensor has a step counter too.
    assert parts.get("optimizer_states", 0) == pytest.approx(counted.optimizer_states, rel=0.002)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("method", ["qlora", "full"])
def test_activations_are_nearly_what_is_kept(method: str, checkpointing: bool, wide: Path) -> None:
    fields = METHODS[method] | {"gradient_checkpointing": checkpointing}
    # Four utterances of 4 s, with half a second of silence each.
    fields |= {"batch": {"cost": 18, "micro_batch_cost": 18}, "context": {"type": "short"}}
    config = TrainingConfig.model_validate(fields | {"evaluation": {"base": False}})
    sizes = sizes_of(find_model(str(wide)))
    counted = count_step(str(wide), config, seconds=4.5, utterances=4, tokens=64)
    estimated = peak_memory(sizes, config, 4, longest=Longest(4.0, letters=60)).phases["training"]["activations"]
    if checkpointing:  # the layer that is computed again is not kept while the forward pass is counted
        assert counted.activations < estimated < 15 * counted.activations
    else:
        assert estimated == pytest.approx(counted.activations, rel=0.02)
