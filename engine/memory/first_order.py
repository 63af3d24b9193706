"""A first-order model of a run's peak memory, from counts instead of measurements.

It counts weights, adapters, gradients, optimizer states, copies of the trained weights and the activations of one
micro-batch. One constant covers everything that allocators, libraries and threads keep. For its accuracy see
docs/LOG.md, "What a run keeps in memory".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from engine.config.context import ShortContextConfig, resolve_context
from engine.config.methods.lora import LoraFields, QloraConfig
from engine.config.training import BatchConfig, TrainingConfig
from engine.memory.architecture import MEL_FRAMES_PER_S, POSITIONS_PER_S, Architecture

RUNTIME_BYTES: Final = 950_000_000
"""Python, torch, transformers, Ray's worker, and what they allocate during a run. A run on whisper-pico, whose own
parts take about 50 MB, peaked at 1,033 MB."""
# Bytes of a 4-bit weight: half a byte and its share of the block constant, which takes 8 bits with double quantisation.
_FOUR_BIT: Final = 0.5 + 4 / 64
_FOUR_BIT_DOUBLE: Final = 0.5 + 1 / 64 + 4 / (64 * 256)
# Kept for the backward pass at each position of a layer, in multiples of the width: two norms, queries, keys and
# values, the attention's and its projection's output, two residuals, and both sides of the feed-forward layer's inner part.
_ENCODER_KEPT: Final = 9 + 2 * 4
_DECODER_KEPT: Final = 15 + 2 * 4
_HEAD_WIDTH: Final = 256  # of the projection before a classifier, in transformers' audio encoders
_DEFAULT_TARGETS: Final = frozenset({"q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"})

Part = Literal[
    "runtime",
    "base_weights",
    "adapter",
    "gradients",
    "optimizer_states",
    "weight_copies",
    "activations",
    "dequantised_layer",
    "published_base",
]


@dataclass(frozen=True, slots=True)
class Peak:
    """Peak memory of one worker, by part, in bytes; `published_base` is the extra memory for measuring the base."""

    parts: dict[Part, int]

    @property
    def bytes(self) -> int:
        """Sum of all parts."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a config that would lower its peak."""

    path: str
    value: object
    peak_bytes: int
    """Peak with only this change, in bytes."""


def peak_memory(model: Architecture, config: TrainingConfig, compute_bytes: int) -> Peak:
    """Peak memory of one worker.

    Args:
        model: sizes of the base.
        config: of the run.
        compute_bytes: bytes per value of the compute type: 4 on most processors, 2 on GPUs.
    """
    tensors = trained_tensors(model, config)
    trained = sum(tensors)
    linear, other = model.linear_parameters, model.other_parameters
    parts: dict[Part, int] = {"runtime": RUNTIME_BYTES}
    method = config.method
    if method.four_bit is not None:
        four_bit = _FOUR_BIT_DOUBLE if method.four_bit.double else _FOUR_BIT
        parts["base_weights"] = round(linear * four_bit + other * compute_bytes)
        # The largest linear layer is unpacked for its product in the forward and the backward pass.
        parts["dequantised_layer"] = model.inner_factor * model.width**2 * compute_bytes
    elif method.output == "adapter":
        parts["base_weights"] = (linear + other) * compute_bytes
    else:
        parts["base_weights"] = (linear + other) * 4
    if method.output == "adapter":
        parts["adapter"] = trained * 4
    parts["gradients"] = trained * 4
    parts["optimizer_states"] = sum(config.optimizer.state_bytes(size) for size in tensors)
    # A moving average and the best weights so far are kept in float32, in addition to the trained ones.
    parts["weight_copies"] = 4 * trained * (bool(config.ema_decay) + (config.evaluation.keep == "best"))
    parts["activations"] = _activations(model, config, compute_bytes)
    if method.four_bit is not None and config.evaluation.base:
        # The base is measured in float32, with the 4-bit one still loaded, after training's activations are freed.
        parts["published_base"] = max(0, 4 * (linear + other) - parts["activations"] - parts["dequantised_layer"])
    return Peak(parts)


def checkpoint_bytes(model: Architecture, config: TrainingConfig) -> int:
    """Bytes that a run keeps in its store: checkpoints with optimizer states and weight copies, and the result.

    Args:
        model: sizes of the base.
        config: of the run.
    """
    tensors = trained_tensors(model, config)
    trained = sum(tensors)
    copies = 1 + bool(config.ema_decay) + (config.evaluation.keep == "best")
    one = 4 * trained * copies + sum(config.optimizer.state_bytes(size) for size in tensors)
    # A new checkpoint is written before the oldest is deleted.
    return (config.checkpoint.keep + 1) * one + 4 * trained


def trainable_parameters(model: Architecture, config: TrainingConfig) -> int:
    """Number of weights that the run trains."""
    return sum(trained_tensors(model, config))


def trained_tensors(model: Architecture, config: TrainingConfig) -> list[int]:
    """Number of weights in each tensor that the run trains; ignores the norms and biases of a fully trained model."""
    width, inner = model.width, model.inner_factor * model.width
    method = config.method
    if method.trains == "heads":
        return [width * _HEAD_WIDTH, _HEAD_WIDTH]
    if not isinstance(method, LoraFields):
        layer, crossed = [width * width] * 4, [width * width] * 4
        forward = [width * inner] * 2
        convolutions = [3 * model.mel_bands * width, 3 * width * width]
        # The encoder's position embeddings are sinusoids, which are not trained.
        embeddings = [model.vocabulary * width, model.target_positions * width]
        encoder, decoder = layer + forward, layer + crossed + forward
        return encoder * model.encoder_layers + decoder * model.decoder_layers + convolutions + embeddings
    targets = (
        _DEFAULT_TARGETS if method.target_modules == "default" else {t.split(".")[-1] for t in method.target_modules}
    )
    # An adapter has one matrix from the layer's input to the rank, and one from the rank to the layer's output.
    square = [width, width] * len(targets & {"q_proj", "k_proj", "v_proj", "out_proj"})
    forward = [width, inner] * len(targets & {"fc1", "fc2"})
    tensors = {
        "audio_encoder": (square + forward) * model.encoder_layers,
        "fusion": square * model.decoder_layers,
        "text_decoder": (square + forward) * model.decoder_layers,
    }
    every = [size for sizes in tensors.values() for size in sizes]
    # A part of another name has at most all layers.
    of_rank_1 = every if method.groups == "all" else [s for group in method.groups for s in tensors.get(group, every)]
    weights = sum(of_rank_1)
    per_weight = 8 + config.optimizer.state_bytes(weights) / max(weights, 1)
    average = method.allocation.average_rank(method.rank, len(of_rank_1) // 2, weights, per_weight)
    return [math.ceil(average * size) for size in of_rank_1]


def changes(model: Architecture, config: TrainingConfig, compute_bytes: int) -> Iterator[Change]:
    """Single changes that would lower the peak, the least harmful first."""
    batch = config.batch
    tried: list[tuple[str, object, TrainingConfig]] = []
    seconds = batch.micro_batch_cost
    while seconds > 1.0:
        seconds /= 2
        smaller = BatchConfig.model_validate(batch.model_dump() | {"micro_batch_cost": seconds})
        tried.append(("batch.micro_batch_cost", seconds, config.model_copy(update={"batch": smaller})))
    # Short context would degrade the result of a model that was not trained in it.
    context = resolve_context(config.context, model.trained_context)
    if model.trained_context == "short" and not isinstance(context, ShortContextConfig):
        tried.append(("context.type", "short", config.model_copy(update={"context": ShortContextConfig()})))
    elif isinstance(context, ShortContextConfig) and context.whole_window_share:
        without = context.model_copy(update={"whole_window_share": 0.0})
        tried.append(("context.whole_window_share", 0.0, config.model_copy(update={"context": without})))
    if not config.gradient_checkpointing:
        tried.append(("gradient_checkpointing", True, config.model_copy(update={"gradient_checkpointing": True})))
    if (lighter := config.optimizer.lighter()) is not None:
        tried.append(("optimizer.type", lighter.type, config.model_copy(update={"optimizer": lighter})))
    if config.method.four_bit is None:
        tried.append(("method.type", "qlora", config.model_copy(update={"method": QloraConfig()})))
    if config.evaluation.base:
        unmeasured = config.evaluation.model_copy(update={"base": False})
        tried.append(("evaluation.base", False, config.model_copy(update={"evaluation": unmeasured})))
    now = peak_memory(model, config, compute_bytes).bytes
    for path, value, changed in tried:
        peak = peak_memory(model, changed, compute_bytes).bytes
        if peak < now:
            yield Change(path, value, peak)


def _activations(model: Architecture, config: TrainingConfig, compute_bytes: int) -> int:
    context, batch = resolve_context(config.context, model.trained_context), config.batch
    seconds = batch.micro_batch_cost
    # In full context even a short utterance takes the whole window; a micro-batch has at least one utterance.
    if not isinstance(context, ShortContextConfig) or context.whole_window_share:
        seconds = max(seconds, model.window_s)
    width = model.width
    positions = seconds * POSITIONS_PER_S
    tokens = seconds * model.tokens_per_s
    front = seconds * MEL_FRAMES_PER_S * (model.mel_bands + 3 * width)
    encoder, decoder = positions * _ENCODER_KEPT * width, tokens * _DECODER_KEPT * width
    if config.gradient_checkpointing:
        # The input of each layer, and all activations of the one layer that is being recomputed.
        kept = encoder + positions * width * model.encoder_layers + decoder + tokens * width * model.decoder_layers
    else:
        kept = encoder * model.encoder_layers + decoder * model.decoder_layers
    # Logits, their softmax and its gradient, in float32; the encoder's output once more for the decoder's keys and values.
    logits = 3 * tokens * model.vocabulary * 4
    crossed = 2 * positions * width * model.decoder_layers
    return round((front + kept + crossed) * compute_bytes + logits)
