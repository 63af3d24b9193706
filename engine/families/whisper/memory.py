"""Whisper's forward pass, for the memory model. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.config.training import TrainingConfig
from engine.families.defaults import filled
from engine.families.whisper.costs import costing
from engine.memory.blocks import AttentionKind, attend, feed_forward
from engine.memory.record import BOOL, FLOAT32, LONG, Tensor
from engine.memory.shape import BatchShape, Longest
from engine.memory.tape import Tape

FRAMES_PER_S: Final = 100
_SPECIAL_TOKENS: Final = 4
_ENCODER: Final = "audio_encoder"
_FUSION: Final = "fusion"
_DECODER: Final = "text_decoder"
_ATTENTION: Final = AttentionKind(key_bias=False, is_copied=True)
_DEFAULTS: Final[Mapping[str, Any]] = {
    "vocab_size": 51865,
    "num_mel_bins": 80,
    "encoder_layers": 4,
    "encoder_attention_heads": 6,
    "decoder_layers": 4,
    "decoder_attention_heads": 6,
    "decoder_ffn_dim": 1536,
    "encoder_ffn_dim": 1536,
    "d_model": 384,
    "activation_function": "gelu",
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "max_source_positions": 1500,
    "max_target_positions": 448,
}
"""What a config.json may leave out. Source: `WhisperConfig` in transformers 5.23."""

READS_TEXT: Final = True


def _published(width: int, encoder_layers: int, decoder_layers: int, mel_bands: int = 80) -> dict[str, Any]:
    heads, inner = width // 64, 4 * width
    return {
        "model_type": "whisper",
        "d_model": width,
        "encoder_layers": encoder_layers,
        "decoder_layers": decoder_layers,
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
        "encoder_ffn_dim": inner,
        "decoder_ffn_dim": inner,
        "num_mel_bins": mel_bands,
    }


PUBLISHED: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "whisper": (
        _published(384, 4, 4),
        _published(512, 6, 6),
        _published(768, 12, 12),
        _published(1024, 24, 24),
        _published(1280, 32, 4, 128),
        _published(1280, 32, 32, 128),
    )
}


def play(tape: Tape, config: TrainingConfig, model: Mapping[str, Any], batch: BatchShape) -> None:
    """Speech to text; see `engine.families.memory.MemoryModule`."""
    model = filled(model, _DEFAULTS)
    *_, states = encode(tape, model, batch, "model.encoder")
    width, vocabulary, dropout = model["d_model"], model["vocab_size"], model["dropout"]
    embedding = "model.decoder.embed_tokens.weight"
    rows = batch.examples * batch.tokens
    hidden = tape.embedding(embedding, (vocabulary, width), tape.data(rows, 1, LONG), _DECODER)
    places = tape.data(rows, 1, LONG)
    positions = "model.decoder.embed_positions.weight"
    hidden = tape.add(hidden, tape.embedding(positions, (model["max_target_positions"], width), places, _DECODER))
    hidden = tape.dropout(hidden, dropout)
    heads, inner = model["decoder_attention_heads"], model["decoder_ffn_dim"]
    for index in range(model["decoder_layers"]):
        name = f"model.decoder.layers.{index}"
        with tape.layer(hidden, states):
            normed = tape.norm(hidden, f"{name}.self_attn_layer_norm", _DECODER)
            attended = _attend(tape, normed, normed, f"{name}.self_attn", heads, batch.tokens, _DECODER, model)
            hidden = tape.add(hidden, tape.dropout(attended, dropout))
            normed = tape.norm(hidden, f"{name}.encoder_attn_layer_norm", _FUSION)
            seen = states.rows / batch.examples
            attended = _attend(tape, normed, states, f"{name}.encoder_attn", heads, seen, _FUSION, model)
            hidden = tape.add(hidden, tape.dropout(attended, dropout))
            hidden = _forward(tape, hidden, name, inner, _DECODER, model)
    hidden = tape.norm(hidden, "model.decoder.layer_norm", _DECODER)
    logits = tape.linear(
        hidden, "proj_out", vocabulary, _DECODER, bias=False, is_default=False, four_bit=False, shared=embedding
    )
    tape.cross_entropy(logits)


def longest(config: TrainingConfig, model: Mapping[str, Any], data: Longest) -> BatchShape:
    """See `engine.families.memory.MemoryModule`."""
    model = filled(model, _DEFAULTS)
    tokens = min(data.tokens(model["vocab_size"]) + _SPECIAL_TOKENS, model["max_target_positions"])
    return BatchShape(1, costing(config, model, 1.0).padded(data.seconds), round(tokens))


def encode(
    tape: Tape,
    model: Mapping[str, Any],
    batch: BatchShape,
    name: str,
    *,
    is_masked: bool = False,
    pools: bool = False,
    adds_float32: bool = False,
) -> Iterator[Tensor]:
    """The encoder of Whisper, and of models that took it over.

    Args:
        tape: records it.
        model: its fields of a Whisper's config.json; those that are left out have Whisper's default.
        batch: padded sizes.
        name: of the encoder.
        is_masked: whether attention masks padding, as Whisper's never does.
        pools: whether each two positions become one before the last norm.
        adds_float32: whether position embeddings are added in float32, and not in the type of computation.

    Yields:
        The input of the first layer, the result of each layer but the last, and the states: one for each 20 ms, or 40 ms
        after pooling.
    """
    model = filled(model, _DEFAULTS)
    width, bands, dropout = model["d_model"], model["num_mel_bins"], model["dropout"]
    frames = batch.examples * batch.padded_s * FRAMES_PER_S
    features = tape.data(frames, bands)
    hidden = tape.activation(tape.convolution(features, f"{name}.conv1", (width, bands, 3), frames, _ENCODER))
    hidden = tape.activation(tape.convolution(hidden, f"{name}.conv2", (width, width, 3), frames / 2, _ENCODER))
    table = (model["max_source_positions"], width)
    tape.weight(f"{name}.embed_positions.weight", table, _ENCODER, constant=True)
    placed = tape.result([hidden], hidden.rows, width, bytes_each=FLOAT32 if adds_float32 else None)
    hidden = tape.dropout(placed, dropout)
    heads, inner, positions = model["encoder_attention_heads"], model["encoder_ffn_dim"], hidden.rows / batch.examples
    mask = tape.data(hidden.rows, positions, BOOL) if is_masked else None
    for index in range(model["encoder_layers"]):
        yield hidden
        layer = f"{name}.layers.{index}"
        with tape.layer(hidden, mask):
            normed = tape.norm(hidden, f"{layer}.self_attn_layer_norm", _ENCODER)
            attended = _attend(tape, normed, normed, f"{layer}.self_attn", heads, positions, _ENCODER, model, mask)
            hidden = tape.add(hidden, tape.dropout(attended, dropout))
            hidden = _forward(tape, hidden, layer, inner, _ENCODER, model)
    if pools:
        hidden = tape.pooled(hidden, hidden.rows / 2)
    yield tape.norm(hidden, f"{name}.layer_norm", _ENCODER)


def _attend(
    tape: Tape,
    x: Tensor,
    states: Tensor,
    name: str,
    heads: int,
    positions: float,
    group: str,
    model: Mapping[str, Any],
    mask: Tensor | None = None,
) -> Tensor:
    dropout = model["attention_dropout"]
    return attend(
        tape,
        x,
        states,
        name,
        heads,
        positions,
        group,
        _ATTENTION,
        mask=mask,
        dropout=dropout,
        is_cached=group != _ENCODER,
    )


def _forward(tape: Tape, x: Tensor, name: str, inner: int, group: str, model: Mapping[str, Any]) -> Tensor:
    hidden = feed_forward(
        tape,
        tape.norm(x, f"{name}.final_layer_norm", group),
        (f"{name}.fc1", f"{name}.fc2"),
        inner,
        group,
        activation=model["activation_function"],
        dropout=model["activation_dropout"],
    )
    return tape.add(x, tape.dropout(hidden, model["dropout"]))
