"""CLAP's forward pass, for the memory model. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.config.tasks.retrieval import RetrievalConfig
from engine.config.training import TrainingConfig
from engine.families.clap.costs import costing
from engine.families.defaults import filled
from engine.memory.blocks import AttentionKind, attend, feed_forward
from engine.memory.record import BOOL, FLOAT32, LONG, Tensor
from engine.memory.shape import BatchShape, Longest
from engine.memory.tape import Tape

_AUDIO_GROUP: Final = "audio_encoder"
_TEXT_GROUP: Final = "text_decoder"
_FUSION: Final = "fusion"
_AUDIO: Final[Mapping[str, Any]] = {
    "window_size": 8,
    "num_mel_bins": 64,
    "spec_size": 256,
    "hidden_act": "gelu",
    "patch_size": 4,
    "patch_stride": (4, 4),
    "depths": (2, 2, 6, 2),
    "num_attention_heads": (4, 8, 16, 32),
    "hidden_dropout_prob": 0.1,
    "patch_embed_input_channels": 1,
    "patch_embeds_hidden_size": 96,
    "enable_patch_layer_norm": True,
    "drop_path_rate": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "qkv_bias": True,
    "mlp_ratio": 4.0,
    "projection_hidden_act": "relu",
}
_TEXT: Final[Mapping[str, Any]] = {
    "vocab_size": 50265,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "projection_hidden_act": "relu",
}
# What a config.json may leave out. Source: `ClapConfig` and its parts in transformers 5.23.
_PROJECTION: Final = 512
_SPECIAL_TOKENS: Final = 2
_RATE_HZ: Final = 48_000
_HOP_SAMPLES: Final = 480
_ATTENTION: Final = AttentionKind("self.query", "self.key", "self.value", "output.dense", is_fused=False)

PUBLISHED: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {}
READS_TEXT: Final = True


def play(tape: Tape, config: TrainingConfig, model: Mapping[str, Any], batch: BatchShape) -> None:
    """Retrieval; see `engine.families.memory.MemoryModule`."""
    task = config.task_as(RetrievalConfig)
    audio, text = filled(model.get("audio_config"), _AUDIO), filled(model.get("text_config"), _TEXT)
    for name in ("logit_scale_a", "logit_scale_t"):
        tape.weight(name, (), None, constant=not task.train_temperature)
    width = int(model.get("projection_dim", _PROJECTION))
    heard = _encode_audio(tape, audio, model.get("feature_extractor") or {}, batch)
    recordings = _embedding(tape, heard, "audio_projection", width, audio["projection_hidden_act"])
    read = _encode_text(tape, text, batch)
    texts = _embedding(tape, read, "text_projection", width, text["projection_hidden_act"])
    _contrast(tape, recordings, texts, min(task.group_size, batch.examples), trains_scales=task.train_temperature)


def longest(config: TrainingConfig, model: Mapping[str, Any], data: Longest) -> BatchShape:
    """See `engine.families.memory.MemoryModule`."""
    text = filled(model.get("text_config"), _TEXT)
    tokens = min(data.tokens(text["vocab_size"]) + _SPECIAL_TOKENS, text["max_position_embeddings"] - 2)
    return BatchShape(1, costing(config, model, 1.0).padded(data.seconds), round(tokens))


def _embedding(tape: Tape, x: Tensor, name: str, width: int, activation: str) -> Tensor:
    layers = (f"{name}.linear1", f"{name}.linear2")
    hidden = tape.activation(tape.linear(x, layers[0], width, _FUSION), activation)
    return tape.unit(tape.linear(hidden, layers[1], width, _FUSION))


def _contrast(tape: Tape, recordings: Tensor, texts: Tensor, group: int, *, trains_scales: bool) -> None:
    """Similarities within groups, and their probabilities in both directions."""
    one, other = (tape.result([each], each.rows, each.width, bytes_each=FLOAT32) for each in (recordings, texts))
    tape.multiply(one, other)
    groups, pairs = recordings.rows / group, group**2
    probabilities = 2 * pairs * FLOAT32
    similarities = pairs * FLOAT32 if trains_scales and tape.rules.trains == "whole" else 0
    # Two factors on all similarities; of each group the right pairs, the places of the texts and the weights of two losses.
    tape.keep_bytes(2 * FLOAT32)
    tape.keep_bytes(groups * (probabilities + similarities + pairs * BOOL + group * LONG + 2 * FLOAT32))
    tape.loss_bytes = 2 * groups * probabilities


# ---- audio


def _encode_audio(tape: Tape, model: Mapping[str, Any], features: Mapping[str, Any], batch: BatchShape) -> Tensor:
    """A Swin transformer over a spectrogram that is folded into a square; the mean over its patches."""
    name, bands = "audio_model.audio_encoder", int(model["num_mel_bins"])
    rate = features.get("sampling_rate", _RATE_HZ) / features.get("hop_length", _HOP_SAMPLES)
    frames = int(batch.padded_s * rate) + 1
    mel = tape.frozen_batch_norm(tape.data(batch.examples * frames, bands), f"{name}.batch_norm", _AUDIO_GROUP)
    hidden, side = _patches(tape, tape.view(mel, mel.rows, bands), model, batch, f"{name}.patch_embed")
    last = len(model["depths"]) - 1
    for stage, depth in enumerate(model["depths"]):
        heads = int(model["num_attention_heads"][stage])
        for index in range(depth):
            block = f"{name}.layers.{stage}.blocks.{index}"
            hidden = _block(tape, hidden, side, heads, model, batch.examples, block)
        if stage < last:
            side = -(-side // 2)
            merged = tape.result([hidden], batch.examples * side**2, 4 * hidden.width)
            merging = f"{name}.layers.{stage}.downsample"
            merged = tape.norm(merged, f"{merging}.norm", _AUDIO_GROUP)
            hidden = tape.linear(merged, f"{merging}.reduction", 2 * round(hidden.width), _AUDIO_GROUP, bias=False)
    hidden = tape.norm(hidden, f"{name}.norm", _AUDIO_GROUP)
    return tape.result([hidden], batch.examples, hidden.width)


def _patches(tape: Tape, mel: Tensor, model: Mapping[str, Any], batch: BatchShape, name: str) -> tuple[Tensor, int]:
    """Patches, and how many make a side of the square."""
    size, stride, square = _side(model["patch_size"]), _side(model["patch_stride"]), int(model["spec_size"])
    channels, width = int(model["patch_embed_input_channels"]), int(model["patch_embeds_hidden_size"])
    folded = tape.result([mel], batch.examples * square, square)
    side = square // stride
    shape, rows = (width, channels, size, size), batch.examples * side**2
    hidden = tape.convolution(folded, f"{name}.proj", shape, rows, _AUDIO_GROUP)
    if model["enable_patch_layer_norm"]:
        hidden = tape.norm(hidden, f"{name}.norm", _AUDIO_GROUP)
    return hidden, side


def _block(tape: Tape, x: Tensor, side: int, heads: int, model: Mapping[str, Any], examples: int, name: str) -> Tensor:
    """Attention within windows of the square, then a feed-forward layer."""
    full = int(model["window_size"])
    window = min(full, side)
    padded = examples * (-(-side // window) * window) ** 2
    normed = tape.norm(x, f"{name}.layernorm_before", _AUDIO_GROUP)
    windows = tape.result([normed], padded, x.width)
    attended = _window_attention(tape, windows, window**2, heads, model, f"{name}.attention")
    attended = tape.dropout(attended, model["attention_probs_dropout_prob"])
    hidden = tape.add(x, attended)
    normed = tape.norm(hidden, f"{name}.layernorm_after", _AUDIO_GROUP)
    layers, inner = (f"{name}.intermediate.dense", f"{name}.output.dense"), int(model["mlp_ratio"] * x.width)
    forwarded = feed_forward(tape, normed, layers, inner, _AUDIO_GROUP, activation=model["hidden_act"])
    return tape.add(hidden, tape.dropout(forwarded, model["hidden_dropout_prob"]))


def _window_attention(tape: Tape, x: Tensor, positions: int, heads: int, model: Mapping[str, Any], name: str) -> Tensor:
    """Attention with a trained bias for each distance within a window."""
    has_bias = bool(model["qkv_bias"])
    kind = AttentionKind(
        _ATTENTION.queries, _ATTENTION.keys, _ATTENTION.values, _ATTENTION.output, has_bias, has_bias, is_fused=False
    )
    table = ((2 * int(model["window_size"]) - 1) ** 2, heads)
    tape.weight(f"{name}.self.relative_position_bias_table", table, _AUDIO_GROUP)
    dropout = model["attention_probs_dropout_prob"]
    return attend(tape, x, x, name, heads, positions, _AUDIO_GROUP, kind, dropout=dropout)


def _side(size: Any) -> int:
    return int(size if isinstance(size, int) else size[0])


# ---- text


def _encode_text(tape: Tape, model: Mapping[str, Any], batch: BatchShape) -> Tensor:
    """A RoBERTa; the pooled first token."""
    name, width, dropout = "text_model", int(model["hidden_size"]), model["hidden_dropout_prob"]
    rows = batch.examples * batch.tokens
    tables = (
        ("word_embeddings", model["vocab_size"]),
        ("token_type_embeddings", model["type_vocab_size"]),
        ("position_embeddings", model["max_position_embeddings"]),
    )
    rows_of = [
        tape.embedding(f"{name}.embeddings.{table}.weight", (size, width), tape.data(rows, 1, LONG), _TEXT_GROUP)
        for table, size in tables
    ]
    hidden = tape.result(rows_of, rows, width)
    hidden = tape.dropout(tape.norm(hidden, f"{name}.embeddings.LayerNorm", _TEXT_GROUP), dropout)
    heads, weights_dropout = int(model["num_attention_heads"]), model["attention_probs_dropout_prob"]
    for index in range(model["num_hidden_layers"]):
        layer = f"{name}.encoder.layer.{index}"
        attention = f"{layer}.attention"
        attended = attend(
            tape, hidden, hidden, attention, heads, batch.tokens, _TEXT_GROUP, _ATTENTION, dropout=weights_dropout
        )
        hidden = tape.add(hidden, tape.dropout(attended, dropout))
        hidden = tape.norm(hidden, f"{attention}.output.LayerNorm", _TEXT_GROUP)
        layers = (f"{layer}.intermediate.dense", f"{layer}.output.dense")
        inner = int(model["intermediate_size"])
        forwarded = feed_forward(tape, hidden, layers, inner, _TEXT_GROUP, activation=model["hidden_act"])
        hidden = tape.add(hidden, tape.dropout(forwarded, dropout))
        hidden = tape.norm(hidden, f"{layer}.output.LayerNorm", _TEXT_GROUP)
    first = tape.view(hidden, batch.examples, width)
    return tape.activation(tape.linear(first, f"{name}.pooler.dense", width, _TEXT_GROUP), "tanh")
