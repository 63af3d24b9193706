"""A first-order model of a run's peak memory: what must be there at once, counted; nothing is measured.

It knows weights, adapters, gradients, optimizer states and the activations of one micro-batch. It does not know what
allocators, libraries and threads keep beside them, and takes one figure for all of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from engine.config.context import ShortContextConfig, resolve_context
from engine.config.training import (
    AdamWConfig,
    BatchConfig,
    LoraFields,
    QloraConfig,
    TrainingConfig,
)
from engine.memory.architecture import MEL_FRAMES_PER_S, POSITIONS_PER_S, Architecture

RUNTIME_BYTES: Final = 950_000_000
"""Python, torch, transformers, Ray's worker, and what they keep once a run has begun; a run on whisper-pico, whose own
parts are some 50 MB, was measured to peak at 1,033 MB (docs/BENCHMARKS.md)."""
_WINDOW_S: Final = 30.0
_TOKENS_PER_S: Final = 4.0
# Of 4-bit storage, a weight: half a byte and the constant of its block of 64, itself in 8 bits with double quantisation.
_FOUR_BIT: Final = 0.5 + 4 / 64
_FOUR_BIT_DOUBLE: Final = 0.5 + 1 / 64 + 4 / (64 * 256)
# What the backward pass keeps for each position of a layer, in multiples of the width: two norms, queries, keys and
# values, the attention's and its projection's output, two residuals, and both sides of the feed-forward layer's inner part.
_ENCODER_KEPT: Final = 9 + 2 * 4
_DECODER_KEPT: Final = 15 + 2 * 4
_STATE_BYTES: Final = {"adamw": 8.0, "adamw_8bit": 2.1, "paged_adamw_8bit": 2.1, "sgd": 4.0}
_DEFAULT_TARGETS: Final = frozenset({"q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"})

Part = Literal[
    "runtime", "base_weights", "adapter", "gradients", "optimizer_states", "activations", "dequantised_layer"
]


@dataclass(frozen=True, slots=True)
class Peak:
    """Peak memory of one worker, by part, in bytes."""

    parts: dict[Part, int]

    @property
    def bytes(self) -> int:
        """All parts together."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a config that would lower its peak."""

    path: str
    value: object
    peak_bytes: int
    """With this change alone."""


def peak_memory(model: Architecture, config: TrainingConfig, compute_bytes: int) -> Peak:
    """Peak memory of one worker.

    Args:
        model: sizes of the base.
        config: of the run.
        compute_bytes: width of the compute type: 4 on most processors, 2 on GPUs.
    """
    trained = trainable_parameters(model, config)
    linear, other = model.linear_parameters, model.other_parameters
    parts: dict[Part, int] = {"runtime": RUNTIME_BYTES}
    method = config.method
    if isinstance(method, QloraConfig):
        four_bit = _FOUR_BIT_DOUBLE if method.double_quantization else _FOUR_BIT
        parts["base_weights"] = round(linear * four_bit + other * compute_bytes)
        # The largest linear map is spread out for its product, forwards and backwards.
        parts["dequantised_layer"] = model.inner_factor * model.width**2 * compute_bytes
    elif isinstance(method, LoraFields):
        parts["base_weights"] = (linear + other) * compute_bytes
    else:
        parts["base_weights"] = (linear + other) * 4
    if isinstance(method, LoraFields):
        parts["adapter"] = trained * 4
    parts["gradients"] = trained * 4
    parts["optimizer_states"] = round(trained * _STATE_BYTES[config.optimizer.type])
    parts["activations"] = _activations(model, config, compute_bytes)
    return Peak(parts)


def trainable_parameters(model: Architecture, config: TrainingConfig) -> int:
    """Weights that the run trains."""
    method = config.method
    if not isinstance(method, LoraFields):
        return model.linear_parameters + model.other_parameters
    targets = (
        _DEFAULT_TARGETS if method.target_modules == "default" else {t.split(".")[-1] for t in method.target_modules}
    )
    square = 2 * model.width * len(targets & {"q_proj", "k_proj", "v_proj", "out_proj"})
    forward = (1 + model.inner_factor) * model.width * len(targets & {"fc1", "fc2"})
    groups = ("audio_encoder", "fusion", "text_decoder") if method.groups == "all" else method.groups
    sums = {
        "audio_encoder": model.encoder_layers * (square + forward),
        "fusion": model.decoder_layers * square,
        "text_decoder": model.decoder_layers * (square + forward),
    }
    return method.rank * sum(sums[group] for group in groups)


def changes(model: Architecture, config: TrainingConfig, compute_bytes: int) -> Iterator[Change]:
    """Single changes that would lower the peak, the least harmful first."""
    batch = config.batch
    tried: list[tuple[str, object, TrainingConfig]] = []
    seconds = batch.micro_batch_audio_s
    while seconds > 1.0:
        seconds /= 2
        smaller = BatchConfig.model_validate(batch.model_dump() | {"micro_batch_audio_s": seconds})
        tried.append(("batch.micro_batch_audio_s", seconds, config.model_copy(update={"batch": smaller})))
    # Of a model that was not trained in it, short context would spoil the result.
    context = resolve_context(config.context, model.trained_context)
    if model.trained_context == "short" and not isinstance(context, ShortContextConfig):
        tried.append(("context.type", "short", config.model_copy(update={"context": ShortContextConfig()})))
    if not config.gradient_checkpointing:
        tried.append(("gradient_checkpointing", True, config.model_copy(update={"gradient_checkpointing": True})))
    if config.optimizer.type == "adamw":
        eight = AdamWConfig.model_validate(config.optimizer.model_dump() | {"type": "adamw_8bit"})
        tried.append(("optimizer.type", "adamw_8bit", config.model_copy(update={"optimizer": eight})))
    if not isinstance(config.method, QloraConfig):
        tried.append(("method.type", "qlora", config.model_copy(update={"method": QloraConfig()})))
    now = peak_memory(model, config, compute_bytes).bytes
    for path, value, changed in tried:
        peak = peak_memory(model, changed, compute_bytes).bytes
        if peak < now:
            yield Change(path, value, peak)


def _activations(model: Architecture, config: TrainingConfig, compute_bytes: int) -> int:
    context, batch = resolve_context(config.context, model.trained_context), config.batch
    seconds = batch.micro_batch_audio_s
    # In the whole window an utterance takes 30 s of encoder, however short it is; at least one goes through at once.
    if not isinstance(context, ShortContextConfig):
        seconds = max(seconds, _WINDOW_S)
    width = model.width
    positions = seconds * POSITIONS_PER_S
    tokens = seconds * _TOKENS_PER_S
    front = seconds * MEL_FRAMES_PER_S * (model.mel_bands + 3 * width)
    encoder, decoder = positions * _ENCODER_KEPT * width, tokens * _DECODER_KEPT * width
    if config.gradient_checkpointing:
        # A layer's input for each, and everything of the one that is computed again.
        kept = encoder + positions * width * model.encoder_layers + decoder + tokens * width * model.decoder_layers
    else:
        kept = encoder * model.encoder_layers + decoder * model.decoder_layers
    # Logits, their softmax and its gradient, in float32; the encoder's output once more for the decoder's keys and values.
    logits = 3 * tokens * model.vocabulary * 4
    crossed = 2 * positions * width * model.decoder_layers
    return round((front + kept + crossed) * compute_bytes + logits)
