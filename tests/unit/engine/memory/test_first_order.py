"""The parts of the peak are what counting by hand gives, and every change that is named lowers it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.base import parse
from engine.config.training import TrainingConfig
from engine.memory.architecture import Architecture, architecture_of
from engine.memory.first_order import changes, peak_memory, trainable_parameters
from engine.models.catalogue import ModelCard, find_model

PICO = architecture_of(find_model("whisper-pico"))
LARGE = Architecture(1280, 32, 32, 51_866, mel_bands=128)
SHORT = Architecture(1280, 32, 32, 51_866, mel_bands=128, trained_context="short")


def config(**fields: Any) -> TrainingConfig:
    return parse(TrainingConfig, {"max_steps": 10, **fields})


def card(parameters: int) -> ModelCard:
    return find_model("whisper-tiny").model_copy(update={"parameters": parameters, "source": "somebody/somewhere"})


def test_the_bundled_model_s_sizes_are_read() -> None:
    assert (PICO.width, PICO.encoder_layers, PICO.decoder_layers, PICO.vocabulary, PICO.exact) == (128, 6, 2, 259, True)
    # Norms and biases are all that is left out of its 2,039,680 weights.
    counted = PICO.linear_parameters + PICO.other_parameters
    assert 0.97 < counted / find_model("whisper-pico").parameters <= 1.0


@pytest.mark.parametrize(("parameters", "width", "layers"), [(39e6, 384, 4), (250e6, 768, 12), (1.6e9, 1280, 32)])
def test_sizes_of_a_model_that_is_not_here_are_those_of_its_like(parameters: float, width: int, layers: int) -> None:
    sizes = architecture_of(card(int(parameters)))
    assert (sizes.width, sizes.encoder_layers, sizes.exact) == (width, layers, False)
    assert 0.85 < (sizes.linear_parameters + sizes.other_parameters) / parameters < 1.1


def test_adapters_have_as_many_weights_as_a_run_says() -> None:
    # As `make bench-train` and `make demo` count them in the model itself.
    assert trainable_parameters(PICO, config(method={"type": "qlora", "rank": 16})) == 327_680
    decoder = config(method={"type": "qlora", "rank": 16, "groups": ["text_decoder"], "target_modules": ["fc1"]})
    assert trainable_parameters(PICO, decoder) == 2 * 16 * (128 + 512)
    # The encoder's 1,500 positions are not trained; norms and biases are left out.
    whole = trainable_parameters(PICO, config(method={"type": "full"}))
    assert 0.99 < whole / (find_model("whisper-pico").parameters - 1500 * 128) <= 1.0


def test_an_allocation_has_as_many_weights_as_its_budget() -> None:
    def weights(**allocation: Any) -> int:
        return trainable_parameters(PICO, config(method={"type": "qlora", "rank": 16, "allocation": allocation}))

    assert weights(type="sketch") == weights(type="shuffled") == 327_680
    assert weights(type="sketch", budget=4) == 327_680 // 4
    assert weights(type="sketch", budget=100_000, unit="parameters") == pytest.approx(100_000, rel=1e-2)
    # A weight, its gradient and two moments take 16 bytes.
    assert weights(type="sketch", budget=1_600_000, unit="bytes") == pytest.approx(100_000, rel=1e-2)
    assert weights(type="sketch", budget=1e9, unit="parameters", probe_rank=32) == 2 * 327_680
    # 56 layers, of which one has rank 112: 2 on average.
    assert weights(type="fixed", ranks={"model.encoder.layers.0.fc1": 112}) == 327_680 // 8


def test_four_bits_take_an_eighth_of_the_linear_weights() -> None:
    plain = peak_memory(LARGE, config(method={"type": "lora"}), 4).parts
    four_bit = peak_memory(LARGE, config(), 4).parts
    saved = plain["base_weights"] - four_bit["base_weights"]
    assert saved == pytest.approx(LARGE.linear_parameters * (4 - 0.5157), rel=1e-3)
    constants = peak_memory(LARGE, config(method={"type": "qlora", "double_quantization": False}), 4).parts
    bits = (constants["base_weights"] - four_bit["base_weights"]) * 8 / LARGE.linear_parameters
    assert bits == pytest.approx(0.37, abs=0.01)  # as the paper on QLoRA has it


def test_measuring_the_base_of_four_bits_takes_it_in_float32_once_activations_are_gone() -> None:
    whole = 4 * (LARGE.linear_parameters + LARGE.other_parameters)
    small, big = config(), config(batch={"cost": 3000, "micro_batch_cost": 3000})
    parts = peak_memory(LARGE, small, 2).parts
    assert parts["published_base"] == whole - parts["activations"] - parts["dequantised_layer"] > 0
    assert peak_memory(LARGE, big, 2).parts["published_base"] == 0
    assert "published_base" not in peak_memory(LARGE, config(evaluation={"base": False}), 2).parts
    assert "published_base" not in peak_memory(LARGE, config(method={"type": "lora"}), 2).parts
    change = next(c for c in changes(LARGE, small, 2) if c.path == "evaluation.base")
    assert (change.value, change.peak_bytes) == (
        False,
        peak_memory(LARGE, config(evaluation={"base": False}), 2).bytes,
    )


def test_optimizer_states_and_gradients() -> None:
    parts = peak_memory(PICO, config(method={"type": "full"}), 4).parts
    weights = trainable_parameters(PICO, config(method={"type": "full"}))
    assert (parts["gradients"], parts["optimizer_states"], parts["base_weights"]) == (
        4 * weights,
        8 * weights,
        4 * (weights + 1500 * 128),
    )
    eight = peak_memory(PICO, config(method={"type": "full"}, optimizer={"type": "adamw_8bit"}), 4).parts
    assert eight["optimizer_states"] < parts["optimizer_states"] / 3


def test_activations_grow_with_the_micro_batch_and_shrink_when_recomputed() -> None:
    def activations(**fields: Any) -> int:
        return peak_memory(SHORT, config(**fields), 2).parts["activations"]

    batch = {"cost": 48, "micro_batch_cost": 24}
    assert activations(batch=batch | {"micro_batch_cost": 48}) == 2 * activations(batch=batch)
    assert activations(batch=batch, gradient_checkpointing=True) < activations(batch=batch) / 4
    one = {"audio_s": 1, "micro_batch_cost": 1}
    assert activations(batch=one, context={"type": "full"}) == 30 * activations(batch=one)
    # `auto` is what the model was trained in.
    assert PICO.trained_context == "short" and LARGE.trained_context == "full"
    full = peak_memory(LARGE, config(batch=one, context={"type": "full"}), 2)
    assert peak_memory(LARGE, config(batch=one), 2) == full != peak_memory(SHORT, config(batch=one), 2)


def test_every_change_that_is_named_lowers_the_peak_and_is_what_it_says() -> None:
    whole = config(method={"type": "full"}, batch={"cost": 64, "micro_batch_cost": 64}, context={"type": "full"})
    now = peak_memory(LARGE, whole, 2).bytes
    found = list(changes(LARGE, whole, 2))
    assert [change.path for change in found][-3:] == ["gradient_checkpointing", "optimizer.type", "method.type"]
    assert "batch.micro_batch_cost" in {change.path for change in found}
    # Below 30 s no smaller micro-batch helps where every utterance takes the whole window; to leave that does.
    one = {"audio_s": 8, "micro_batch_cost": 8}
    in_full = config(batch=one, context={"type": "full"}, evaluation={"base": False})
    paths = [change.path for change in changes(SHORT, in_full, 2)]
    assert paths[0] == "context.type"
    assert "batch.micro_batch_cost" not in paths
    # A model that was not trained in short context would be spoiled by it.
    assert "context.type" not in {change.path for change in changes(LARGE, in_full, 2)}
    assert all(change.peak_bytes < now for change in found)
    smaller = next(change for change in found if change.path == "batch.micro_batch_cost")
    by_hand = config(
        method={"type": "full"}, batch={"cost": 64, "micro_batch_cost": smaller.value}, context={"type": "full"}
    )
    assert peak_memory(LARGE, by_hand, 2).bytes == smaller.peak_bytes
