"""The parts of the peak are what counting by hand gives, and every change that is named lowers it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.config.base import parse
from engine.config.training import TrainingConfig
from engine.memory.calibration import CPU
from engine.memory.peak import changes, checkpoint_bytes, largest_micro_batch, peak_memory, trainable_parameters
from engine.memory.record import Rules
from engine.memory.shape import Longest
from engine.memory.sizes import Sizes, sizes_of
from engine.memory.tape import Tape
from engine.models.catalogue import CONTEXT_KEY, ModelCard, find_model

PICO = sizes_of(find_model("whisper-pico"))
SHORT_S = Longest(4.0)


def card(parameters: float) -> ModelCard:
    return find_model("whisper-tiny").model_copy(update={"parameters": int(parameters), "source": "somebody/somewhere"})


LARGE = sizes_of(card(1.6e9))
SHORT = replace(LARGE, values={**LARGE.values, CONTEXT_KEY: "short"})


def config(**fields: Any) -> TrainingConfig:
    return parse(TrainingConfig, {"max_steps": 10, **fields})


def test_adapters_have_as_many_weights_as_a_run_says() -> None:
    # As `make bench-train` and `make demo` count them in the model itself.
    assert trainable_parameters(PICO, config(method={"type": "qlora", "rank": 16})) == 327_680
    decoder = config(method={"type": "qlora", "rank": 16, "groups": ["text_decoder"], "target_modules": ["fc1"]})
    assert trainable_parameters(PICO, decoder) == 2 * 16 * (128 + 512)
    # The encoder's 1,500 positions are not trained.
    whole = trainable_parameters(PICO, config(method={"type": "full"}))
    assert whole == find_model("whisper-pico").parameters - 1500 * 128


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
    linear, _ = LARGE.linear_and_other
    plain = peak_memory(LARGE, config(method={"type": "lora"}), 4).parts
    four_bit = peak_memory(LARGE, config(), 4).parts
    assert plain["base_weights"] - four_bit["base_weights"] == pytest.approx(linear * (4 - 0.5157), rel=1e-3)
    constants = peak_memory(LARGE, config(method={"type": "qlora", "double_quantization": False}), 4).parts
    bits = (constants["base_weights"] - four_bit["base_weights"]) * 8 / linear
    assert bits == pytest.approx(0.37, abs=0.01)  # as the paper on QLoRA has it


def test_measuring_the_base_of_four_bits_takes_it_in_float32_beside_them() -> None:
    small, big = config(), config(batch={"cost": 3000, "micro_batch_cost": 3000})
    peak = peak_memory(LARGE, small, 2)
    assert peak.phase == "evaluating_base"
    assert peak.parts["published_base"] > 4 * LARGE.parameters
    assert "activations" not in peak.parts  # they are free by then
    # With so much to train on, training needs more; the base's part is in its own phase all the same.
    trained = peak_memory(LARGE, big, 2)
    assert trained.phase == "training" and trained.totals["evaluating_base"] == peak.totals["evaluating_base"]
    without = peak_memory(LARGE, config(evaluation={"base": False}), 2)
    assert "evaluating_base" not in without.phases and "published_base" not in without.parts
    lora = peak_memory(LARGE, config(method={"type": "lora"}), 2)
    assert "published_base" not in lora.parts and lora.totals["evaluating_base"] < lora.totals["training"]
    change = next(c for c in changes(LARGE, small, 2) if c.path == "evaluation.base")
    assert (change.value, change.peak_bytes) == (False, without.bytes)


def test_optimizer_states_and_gradients() -> None:
    weights = trainable_parameters(PICO, config(method={"type": "full"}))
    several = config(method={"type": "full"}, batch={"cost": 400, "micro_batch_cost": 40})
    parts = peak_memory(PICO, several, 4).phases["training"]
    assert (parts["gradients"], parts["optimizer_states"], parts["base_weights"]) == (
        4 * weights,
        8 * weights,
        4 * (weights + 1500 * 128),
    )
    eight = peak_memory(PICO, config(method={"type": "full"}, optimizer={"type": "adamw_8bit"}), 4).parts
    assert eight["optimizer_states"] < parts["optimizer_states"] / 3


def test_a_step_of_one_micro_batch_has_no_gradients_before_its_backward_pass() -> None:
    """The gradients of early layers come when the activations of later ones are gone."""
    fields = {"method": {"type": "full"}, "evaluation": {"base": False}}
    one = peak_memory(LARGE, config(**fields, batch={"cost": 300, "micro_batch_cost": 300}), 4, longest=SHORT_S)
    several = peak_memory(LARGE, config(**fields, batch={"cost": 600, "micro_batch_cost": 300}), 4, longest=SHORT_S)
    weights = 4 * trainable_parameters(LARGE, config(**fields))
    assert one.phase == several.phase == "training"
    assert several.parts["gradients"] == weights
    assert one.parts.get("gradients", 0) < 0.6 * weights


def test_activations_grow_with_the_micro_batch_and_shrink_when_recomputed() -> None:
    def activations(**fields: Any) -> int:
        return peak_memory(SHORT, config(evaluation={"base": False}, **fields), 2, longest=SHORT_S).phases["training"][
            "activations"
        ]

    batch = {"cost": 96, "micro_batch_cost": 48}
    assert activations(batch=batch | {"micro_batch_cost": 96}) == pytest.approx(2 * activations(batch=batch), rel=0.1)
    assert activations(batch=batch, gradient_checkpointing=True) < activations(batch=batch) / 4
    # `auto` is what the model was trained in.
    assert PICO.trained_context == SHORT.trained_context == "short" and LARGE.trained_context == "full"
    one = {"cost": 1, "micro_batch_cost": 1}
    in_full = config(batch=one, context={"type": "full"})
    full, auto = (peak_memory(LARGE, each, 2, longest=SHORT_S) for each in (in_full, config(batch=one)))
    assert auto == full != peak_memory(SHORT, config(batch=one), 2, longest=SHORT_S)


def test_a_recomputed_layer_holds_what_it_keeps_and_the_gradients_of_its_largest_result() -> None:
    tape = Tape(Rules("adapters", compute_bytes=4, checkpointing=True))
    frozen = tape.data(10, 50)
    with tape.layer(frozen):  # nothing in it learns: its backward pass does not run
        tape.result([frozen], 10, 1000)
    x = tape.result([frozen], 10, 4, trains=True)
    with tape.layer(x):
        tape.keep(wide := tape.result([x], 10, 16))
        tape.result([wide], 10, 4)
    assert (tape.kept_bytes, tape.recomputed_bytes) == (x.bytes, wide.bytes)
    assert tape.recomputing_bytes(2.0) == 3 * wide.bytes


def test_workers_share_a_step() -> None:
    fields = config(batch={"cost": 64, "micro_batch_cost": 64}, evaluation={"base": False})
    alone, four = (peak_memory(PICO, fields, 4, longest=SHORT_S, workers=n).parts["activations"] for n in (1, 4))
    assert four < alone / 3


def test_half_precision_lowers_activations_and_costs_libraries() -> None:
    fields = config(method={"type": "lora"}, batch={"cost": 64, "micro_batch_cost": 64}, evaluation={"base": False})
    full, half = (peak_memory(SHORT, fields, size, longest=SHORT_S).parts for size in (4, 2))
    assert half["activations"] < full["activations"]
    assert half["runtime"] - full["runtime"] == CPU.half_bytes


def test_the_largest_micro_batch_fits_and_one_more_example_does_not() -> None:
    fields = config(batch={"cost": 600, "micro_batch_cost": 600}, evaluation={"base": False})
    usable = 1.5e9
    found = largest_micro_batch(PICO, fields, 4, usable, longest=SHORT_S)
    assert found is not None

    def peak(cost: float) -> int:
        batch = {"cost": 600, "micro_batch_cost": cost}
        return peak_memory(PICO, config(batch=batch, evaluation={"base": False}), 4, longest=SHORT_S).bytes

    one = found / round(found / 4.5)  # 4 s and the tail of silence
    assert peak(found) <= usable < peak(found + one)
    assert largest_micro_batch(PICO, fields, 4, 1e8) is None
    assert largest_micro_batch(PICO, fields, 4, 1e12, longest=SHORT_S) == pytest.approx(64 * one)  # max_examples


def test_every_change_that_is_named_lowers_the_peak_and_is_what_it_says() -> None:
    batch = {"cost": 256, "micro_batch_cost": 256}
    whole = config(method={"type": "full"}, batch=batch, context={"type": "full"})
    now = peak_memory(LARGE, whole, 2).bytes
    found = list(changes(LARGE, whole, 2))
    assert [change.path for change in found][-3:] == ["gradient_checkpointing", "optimizer.type", "method.type"]
    assert "batch.micro_batch_cost" in {change.path for change in found}
    # Below 30 s no smaller micro-batch helps where every utterance takes the whole window; to leave that does.
    one = {"cost": 8, "micro_batch_cost": 8}
    in_full = config(method={"type": "full"}, batch=one, context={"type": "full"}, evaluation={"base": False})
    paths = [change.path for change in changes(SHORT, in_full, 2, longest=SHORT_S)]
    assert paths[0] == "context.type"
    assert "batch.micro_batch_cost" not in paths
    # A model that was not trained in short context would be spoiled by it.
    assert "context.type" not in {change.path for change in changes(LARGE, in_full, 2)}
    assert all(change.peak_bytes < now for change in found)
    smaller = next(change for change in found if change.path == "batch.micro_batch_cost")
    by_hand = config(
        method={"type": "full"}, batch={"cost": 256, "micro_batch_cost": smaller.value}, context={"type": "full"}
    )
    assert peak_memory(LARGE, by_hand, 2).bytes == smaller.peak_bytes


def test_whole_windows_are_in_the_micro_batch() -> None:
    batch = {"cost": 4.5, "micro_batch_cost": 4.5}

    def activations(**context: Any) -> int:
        fields = config(batch=batch, context={"type": "short", **context})
        return peak_memory(PICO, fields, 4, longest=SHORT_S).phases["training"]["activations"]

    assert activations(whole_window_share=0.01) == pytest.approx(activations() * 30 / 4.5, rel=0.1)


def test_averages_and_best_weights_are_copies() -> None:
    def copies(**fields: Any) -> int:
        asked = config(**({"evaluation": {"every_steps": 5}} | fields))
        return peak_memory(PICO, asked, 4).parts.get("weight_copies", 0)

    one = 4 * trainable_parameters(PICO, config())
    best = {"evaluation": {"every_steps": 5, "keep": "best"}}
    assert [copies(), copies(ema_decay=0.9), copies(**best), copies(ema_decay=0.9, **best)] == [0, one, one, 2 * one]


def test_checkpoints_hold_weights_and_states() -> None:
    weights = trainable_parameters(PICO, config())
    assert checkpoint_bytes(PICO, config()) == 3 * (4 + 8) * weights + 4 * weights
    assert checkpoint_bytes(PICO, config(optimizer={"type": "sgd", "momentum": 0.0})) == 4 * 4 * weights


@pytest.mark.parametrize(
    ("family", "task"),
    [
        ("wav2vec2", "speech_to_text"),
        ("wav2vec2", "audio_classification"),
        ("wav2vec2_conformer", "speech_to_text"),
        ("spectrogram_transformer", "audio_classification"),
        ("clap", "retrieval"),
        ("audio_llm", "captioning"),
    ],
)
def test_each_family_has_a_peak_in_float32_and_in_half_precision(family: str, task: str) -> None:
    published = {"wav2vec2_conformer": "wav2vec2-conformer", "spectrogram_transformer": "audio-spectrogram-transformer"}
    values = {"model_type": {"audio_llm": "qwen2_audio"}.get(family, published.get(family, family))}
    sizes = Sizes(family, values, exact=False)
    for compute_bytes in (2, 4):
        peak = peak_memory(sizes, config(task={"type": task}), compute_bytes)
        assert peak.bytes == sum(peak.parts.values()) == max(peak.totals.values())
        assert peak.parts["base_weights"] > 0.5 * sizes.parameters
