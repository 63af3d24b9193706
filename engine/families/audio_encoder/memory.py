"""The forward pass of audio encoders with a classification head, for the memory model. Does not import torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.config.tasks.audio_classification import AudioClassificationConfig
from engine.config.training import TrainingConfig
from engine.families.audio_encoder.costs import costing
from engine.families.ctc.encoder_memory import WaveEncoder, with_defaults
from engine.families.defaults import filled
from engine.families.whisper.memory import encode
from engine.memory.blocks import AttentionKind, attend, feed_forward
from engine.memory.record import BOOL, FLOAT32, LONG, Tensor
from engine.memory.shape import BatchShape, Longest
from engine.memory.tape import Tape

_GROUP: Final = "audio_encoder"
_PROJECTED: Final = 256
_SPECTROGRAM: Final[Mapping[str, Any]] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "patch_size": 16,
    "qkv_bias": True,
    "frequency_stride": 10,
    "time_stride": 10,
    "max_length": 1024,
    "num_mel_bins": 128,
}
"""What a config.json may leave out. Source: `ASTConfig` in transformers 5.23."""

PUBLISHED: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {}
READS_TEXT: Final = False


def play(tape: Tape, config: TrainingConfig, model: Mapping[str, Any], batch: BatchShape) -> None:
    """Audio classification; see `engine.families.memory.MemoryModule`. Ignores factors on the losses."""
    logits = _PLAYERS.get(model["model_type"], _wave)(tape, model, batch)
    tape.keep_bytes(batch.examples * LONG)  # the order of the batch's examples
    if config.task_as(AudioClassificationConfig).multi_label:
        tape.binary_cross_entropy(logits)
    else:
        tape.cross_entropy(logits)


def longest(config: TrainingConfig, model: Mapping[str, Any], data: Longest) -> BatchShape:
    """See `engine.families.memory.MemoryModule`."""
    labels = config.task_as(AudioClassificationConfig).labels
    seconds = costing(config, model, 1.0).padded(data.seconds)
    return BatchShape(1, seconds, classes=len(labels) if labels else data.classes, lengths_differ=True)


def _whisper(tape: Tape, model: Mapping[str, Any], batch: BatchShape) -> Tensor:
    states = _weighted(tape, model, list(encode(tape, model, batch, "encoder")))
    hidden = _projected(tape, model, states)
    if batch.is_padded and hidden.grad:
        tape.keep_bytes(hidden.rows * BOOL + batch.examples * LONG)  # the positions that count, and their numbers
    return _classified(tape, model, batch, hidden)


def _wave(tape: Tape, model: Mapping[str, Any], batch: BatchShape) -> Tensor:
    model = with_defaults(model)
    encoder = WaveEncoder(model, trains_convolutions=True, has_mask_vector=False)
    states = _weighted(tape, model, list(encoder.encode(tape, batch)))
    hidden = _projected(tape, model, states)
    if batch.is_padded and hidden.grad:
        hidden = tape.zeroed(hidden)
        tape.keep_bytes(batch.examples * LONG)  # numbers of frames
    return _classified(tape, model, batch, hidden)


def _weighted(tape: Tape, model: Mapping[str, Any], depths: list[Tensor]) -> Tensor:
    """The last states, or a mean of those of all depths with trained shares."""
    last = depths[-1]
    if not model.get("use_weighted_layer_sum"):
        return last
    trains = tape.weight("layer_weights", (len(depths),), _GROUP)
    stacked = tape.result(depths, last.rows, last.width * len(depths))
    shares = tape.activation(tape.result([], len(depths), 1, trains=trains), "softmax")
    weighted = tape.multiply(stacked, shares)
    return tape.result([weighted], last.rows, last.width)


def _projected(tape: Tape, model: Mapping[str, Any], states: Tensor) -> Tensor:
    return tape.linear(states, "projector", int(model.get("classifier_proj_size", _PROJECTED)), head=True)


def _classified(tape: Tape, model: Mapping[str, Any], batch: BatchShape, hidden: Tensor) -> Tensor:
    """Logits of the mean over positions."""
    mean = tape.result([hidden], batch.examples, hidden.width)
    return tape.linear(mean, "classifier", _labels(model, batch), head=True)


def _spectrogram(tape: Tape, model: Mapping[str, Any], batch: BatchShape) -> Tensor:
    """Patches of a spectrogram, which always has the model's whole window."""
    labels = _labels(model, batch)
    model = filled(model, _SPECTROGRAM)
    name, width, patch = "audio_spectrogram_transformer", int(model["hidden_size"]), int(model["patch_size"])
    bands, frames = int(model["num_mel_bins"]), int(model["max_length"])
    rows = (bands - patch) // int(model["frequency_stride"]) + 1
    patches = rows * ((frames - patch) // int(model["time_stride"]) + 1)
    positions = patches + 2  # two tokens stand for the whole
    embeddings = f"{name}.embeddings"
    trains = tape.weight(f"{embeddings}.cls_token", (1, 1, width), _GROUP)
    tape.weight(f"{embeddings}.distillation_token", (1, 1, width), _GROUP)
    tape.weight(f"{embeddings}.position_embeddings", (1, positions, width), _GROUP)
    spectrogram = tape.data(batch.examples * frames, bands)
    convolution = f"{embeddings}.patch_embeddings.projection"
    hidden = tape.convolution(spectrogram, convolution, (width, 1, patch, patch), batch.examples * patches, _GROUP)
    hidden = tape.result([hidden], batch.examples * positions, width, trains=trains, bytes_each=FLOAT32)  # with tokens
    dropout, weights_dropout = model["hidden_dropout_prob"], model["attention_probs_dropout_prob"]
    hidden = tape.dropout(tape.add(hidden, hidden), dropout)
    kind = AttentionKind(output="o_proj", bias=model["qkv_bias"], key_bias=model["qkv_bias"])
    heads, inner = int(model["num_attention_heads"]), int(model["intermediate_size"])
    for index in range(model["num_hidden_layers"]):
        layer = f"{name}.layers.{index}"
        with tape.layer(hidden):
            normed = tape.norm(hidden, f"{layer}.layernorm_before", _GROUP)
            attention = f"{layer}.attention"
            attended = attend(tape, normed, normed, attention, heads, positions, _GROUP, kind, dropout=weights_dropout)
            hidden = tape.add(hidden, tape.dropout(attended, dropout))
            normed = tape.norm(hidden, f"{layer}.layernorm_after", _GROUP)
            forward = (f"{layer}.mlp.fc1", f"{layer}.mlp.fc2")
            forwarded = feed_forward(tape, normed, forward, inner, _GROUP, activation=model["hidden_act"])
            hidden = tape.add(hidden, tape.dropout(forwarded, dropout))
    hidden = tape.norm(hidden, f"{name}.layernorm", _GROUP)
    mean = tape.result([hidden], batch.examples, width)
    return tape.linear(tape.norm(mean, "classifier.layernorm", head=True), "classifier.dense", labels, head=True)


_PLAYERS: Final[Mapping[str, Callable[[Tape, Mapping[str, Any], BatchShape], Tensor]]] = {
    "whisper": _whisper,
    "audio-spectrogram-transformer": _spectrogram,
}


def _labels(model: Mapping[str, Any], batch: BatchShape) -> int:
    return batch.classes or len(model.get("id2label") or (0, 1))
