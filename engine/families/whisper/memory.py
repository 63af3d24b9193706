"""Whisper's forward pass, for the memory model. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.memory.shape import BatchShape
from engine.memory.tape import Tape, Tensor

_FRAMES_PER_S: Final = 100
_ENCODER: Final = "audio_encoder"
_FUSION: Final = "fusion"
_DECODER: Final = "text_decoder"


def play(tape: Tape, model: Mapping[str, Any], batch: BatchShape) -> None:
    """Play the forward pass and the loss of speech to text.

    Args:
        tape: records it.
        model: its config.json.
        batch: padded sizes.
    """
    states = encode(tape, model, batch, "model.encoder")
    width, vocabulary, dropout = model["d_model"], model["vocab_size"], model.get("dropout", 0.0)
    embedding = "model.decoder.embed_tokens.weight"
    trains = tape.weight(embedding, (vocabulary, width), _DECODER)
    trains |= tape.weight("model.decoder.embed_positions.weight", (model["max_target_positions"], width), _DECODER)
    rows = batch.examples * batch.tokens
    hidden = tape.dropout(tape.result([], rows, width, trains=trains), dropout)
    for index in range(model["decoder_layers"]):
        name = f"model.decoder.layers.{index}"
        with tape.layer(hidden, states):
            heads = model["decoder_attention_heads"]
            normed = tape.norm(hidden, f"{name}.self_attn_layer_norm", _DECODER)
            attended = _attention(tape, normed, normed, f"{name}.self_attn", heads, _DECODER)
            hidden = tape.add(hidden, tape.dropout(attended, dropout))
            normed = tape.norm(hidden, f"{name}.encoder_attn_layer_norm", _FUSION)
            attended = _attention(tape, normed, states, f"{name}.encoder_attn", heads, _FUSION)
            hidden = tape.add(hidden, tape.dropout(attended, dropout))
            hidden = _forward(tape, hidden, name, model["decoder_ffn_dim"], model, _DECODER)
    hidden = tape.norm(hidden, "model.decoder.layer_norm", _DECODER)
    logits = tape.linear(
        hidden, "proj_out", vocabulary, _DECODER, bias=False, is_default=False, four_bit=False, shared=embedding
    )
    tape.cross_entropy(logits)


def encode(tape: Tape, model: Mapping[str, Any], batch: BatchShape, name: str) -> Tensor:
    """Play the encoder; return its states, one for each 20 ms."""
    width, bands, dropout = model["d_model"], model["num_mel_bins"], model.get("dropout", 0.0)
    frames = round(batch.examples * batch.audio_s * _FRAMES_PER_S)
    features = tape.data(frames, bands)
    hidden = tape.activation(tape.convolution(features, f"{name}.conv1", (width, bands, 3), frames, _ENCODER))
    hidden = tape.activation(tape.convolution(hidden, f"{name}.conv2", (width, width, 3), frames / 2, _ENCODER))
    tape.weight(f"{name}.embed_positions.weight", (model["max_source_positions"], width), _ENCODER, constant=True)
    hidden = tape.dropout(tape.add(hidden, hidden), dropout)
    for index in range(model["encoder_layers"]):
        layer = f"{name}.layers.{index}"
        with tape.layer(hidden):
            normed = tape.norm(hidden, f"{layer}.self_attn_layer_norm", _ENCODER)
            attended = _attention(tape, normed, normed, f"{layer}.self_attn", model["encoder_attention_heads"], _ENCODER)
            hidden = tape.add(hidden, tape.dropout(attended, dropout))
            hidden = _forward(tape, hidden, layer, model["encoder_ffn_dim"], model, _ENCODER)
    return tape.norm(hidden, f"{name}.layer_norm", _ENCODER)


def _attention(tape: Tape, x: Tensor, states: Tensor, name: str, heads: int, group: str) -> Tensor:
    width = round(x.width)
    queries = tape.linear(x, f"{name}.q_proj", width, group)
    keys = tape.linear(states, f"{name}.k_proj", width, group, bias=False)
    values = tape.linear(states, f"{name}.v_proj", width, group)
    attended = tape.fused_attention(queries, keys, values, heads, is_copied=True)
    return tape.linear(attended, f"{name}.out_proj", width, group)


def _forward(tape: Tape, x: Tensor, name: str, inner: int, model: Mapping[str, Any], group: str) -> Tensor:
    hidden = tape.linear(tape.norm(x, f"{name}.final_layer_norm", group), f"{name}.fc1", inner, group)
    hidden = tape.dropout(tape.activation(hidden), model.get("activation_dropout", 0.0))
    hidden = tape.linear(hidden, f"{name}.fc2", round(x.width), group)
    return tape.add(x, tape.dropout(hidden, model.get("dropout", 0.0)))
