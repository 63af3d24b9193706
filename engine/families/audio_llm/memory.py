"""The forward pass of language models that hear, for the memory model. Does not import torch.

Legend: D width of the decoder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from engine.config.training import TrainingConfig
from engine.families.audio_llm.costs import costing
from engine.families.defaults import filled
from engine.families.whisper.memory import FRAMES_PER_S, encode
from engine.memory.record import BOOL, LONG, Tensor
from engine.memory.shape import BatchShape, Longest
from engine.memory.tape import Tape

_MANY_TOKENS: Final = 100_000
_PROMPT_TOKENS: Final = 40
_FUSION: Final = "fusion"
_DECODER: Final = "text_decoder"
_WHISPER_LARGE: Final[Mapping[str, Any]] = {
    "d_model": 1280,
    "encoder_layers": 32,
    "encoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "num_mel_bins": 128,
}
_VOXTRAL_NAMES: Final[Mapping[str, str]] = {
    "hidden_size": "d_model",
    "num_hidden_layers": "encoder_layers",
    "num_attention_heads": "encoder_attention_heads",
    "intermediate_size": "encoder_ffn_dim",
}
"""What Voxtral calls differently from Whisper."""
_QWEN2: Final[Mapping[str, Any]] = {
    "vocab_size": 151936,
    "hidden_size": 4096,
    "intermediate_size": 22016,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "attention_dropout": 0.0,
}
_LLAMA: Final[Mapping[str, Any]] = {
    "vocab_size": 131072,
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 30,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "attention_dropout": 0.0,
}
# What a config.json may leave out. Source: the configs of these models in transformers 5.23.

READS_TEXT: Final = True
PUBLISHED: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "audio_llm": (
        {"model_type": "qwen2_audio", "text_config": {"intermediate_size": 11_008, "vocab_size": 156_032}},
        {"model_type": "voxtral"},
    )
}


def play(tape: Tape, config: TrainingConfig, model: Mapping[str, Any], batch: BatchShape) -> None:
    """Answers about recordings; see `engine.families.memory.MemoryModule`."""
    is_qwen = model["model_type"] == "qwen2_audio"
    text = filled(model.get("text_config"), _QWEN2 if is_qwen else _LLAMA)
    heard = (_hear_qwen if is_qwen else _hear_voxtral)(tape, model, batch, int(text["hidden_size"]))
    vocabulary, width = int(text["vocab_size"]), int(text["hidden_size"])
    rows = batch.examples * batch.tokens + heard.rows
    name = "model.language_model"
    ids = tape.data(rows, 1, LONG)
    hidden = tape.embedding(f"{name}.embed_tokens.weight", (vocabulary, width), ids, _DECODER)
    hidden = tape.result([hidden, heard], rows, width)
    if hidden.grad:
        tape.keep_bytes(rows * BOOL)  # where the recording's positions are
    hidden = _decode(tape, hidden, text, batch, name, has_bias=is_qwen)
    targets = batch.tokens if batch.targets is None else batch.targets
    all_but_last = rows - batch.examples
    learned = tape.chosen(hidden, tape.data(all_but_last, 1, BOOL), batch.examples * targets)
    shared = f"{name}.embed_tokens.weight" if text.get("tie_word_embeddings") else None
    logits = tape.linear(
        learned, "lm_head", vocabulary, _DECODER, bias=False, is_default=False, four_bit=False, shared=shared
    )
    tape.cross_entropy(logits)


def longest(config: TrainingConfig, model: Mapping[str, Any], data: Longest) -> BatchShape:
    """See `engine.families.memory.MemoryModule`."""
    tokens = data.tokens(_MANY_TOKENS) + 1
    seconds = costing(config, model, 1.0).padded(data.seconds)
    return BatchShape(1, seconds, round(tokens + _PROMPT_TOKENS), targets=tokens, filled_s=min(data.seconds, seconds))


def _hear_qwen(tape: Tape, model: Mapping[str, Any], batch: BatchShape, width: int) -> Tensor:
    """A position of D for every four frames that hold audio."""
    audio = filled(model.get("audio_config"), _WHISPER_LARGE)
    name, is_masked = "model.audio_tower", batch.is_padded
    *_, states = encode(tape, audio, batch, name, is_masked=is_masked, pools=True, adds_float32=True)
    projected = tape.linear(states, "model.multi_modal_projector.linear", width, _FUSION)
    frames = round(batch.longest_s * FRAMES_PER_S)
    positions = ((frames - 1) // 2 + 1 - 2) // 2 + 1
    return tape.chosen(projected, tape.data(projected.rows, 1, BOOL), batch.examples * positions)


def _hear_voxtral(tape: Tape, model: Mapping[str, Any], batch: BatchShape, width: int) -> Tensor:
    """A position of D for several neighbouring ones of the encoder, silence included; windows are encoded apart."""
    told = model.get("audio_config") or {}
    audio = filled({_VOXTRAL_NAMES.get(key, key): value for key, value in told.items()}, _WHISPER_LARGE)
    window_s = 2 * int(audio.get("max_source_positions", 1500)) / FRAMES_PER_S
    windows = BatchShape(batch.examples * math.ceil(round(batch.padded_s / window_s, 6)), window_s)
    *_, states = encode(tape, audio, windows, "model.audio_tower")
    inner = int(audio["encoder_ffn_dim"])
    joined = tape.view(states, states.rows * states.width / inner, inner)
    projector = "model.multi_modal_projector"
    hidden = tape.linear(joined, f"{projector}.linear_1", width, _FUSION, bias=False)
    hidden = tape.activation(hidden, model.get("projector_hidden_act", "gelu"))
    return tape.linear(hidden, f"{projector}.linear_2", width, _FUSION, bias=False)


def _decode(
    tape: Tape, hidden: Tensor, model: Mapping[str, Any], batch: BatchShape, name: str, *, has_bias: bool
) -> Tensor:
    """Layers of a Llama or a Qwen2."""
    positions, inner = hidden.rows / batch.examples, int(model["intermediate_size"])
    head = int(model.get("head_dim") or model["hidden_size"] // model["num_attention_heads"])
    mask = tape.data(hidden.rows, positions, BOOL) if batch.lengths_differ else None
    places, turns = tape.data(positions, 1, LONG), (tape.data(positions, head), tape.data(positions, head))
    for index in range(model["num_hidden_layers"]):
        layer = f"{name}.layers.{index}"
        with tape.layer(hidden, mask, places, *turns):
            normed = tape.rms_norm(hidden, f"{layer}.input_layernorm", _DECODER)
            attended = _attend(tape, normed, positions, head, model, mask, turns, f"{layer}.self_attn", has_bias)
            hidden = tape.add(hidden, attended)
            normed = tape.rms_norm(hidden, f"{layer}.post_attention_layernorm", _DECODER)
            gate = tape.activation(tape.linear(normed, f"{layer}.mlp.gate_proj", inner, _DECODER, bias=False), "silu")
            up = tape.linear(normed, f"{layer}.mlp.up_proj", inner, _DECODER, bias=False)
            gated = tape.multiply(gate, up)
            down = tape.linear(gated, f"{layer}.mlp.down_proj", round(hidden.width), _DECODER, bias=False)
            hidden = tape.add(hidden, down)
    return tape.rms_norm(hidden, f"{name}.norm", _DECODER)


def _attend(
    tape: Tape,
    x: Tensor,
    positions: float,
    head: int,
    model: Mapping[str, Any],
    mask: Tensor | None,
    turns: tuple[Tensor, Tensor],
    name: str,
    has_bias: bool,
) -> Tensor:
    """Attention with rotated queries and keys; several queries share a key and a value."""
    heads, shared = int(model["num_attention_heads"]), int(model["num_key_value_heads"])
    queries = _turned(tape, tape.linear(x, f"{name}.q_proj", heads * head, _DECODER, bias=has_bias), turns)
    keys = _turned(tape, tape.linear(x, f"{name}.k_proj", shared * head, _DECODER, bias=has_bias), turns)
    values = tape.linear(x, f"{name}.v_proj", shared * head, _DECODER, bias=has_bias)
    if mask is not None and shared < heads:  # a copy for each query
        keys, values = (tape.result([each], each.rows, heads * head) for each in (keys, values))
    dropout = model["attention_dropout"]
    attended = tape.attention(queries, keys, values, heads, positions, mask=mask, dropout=dropout, is_cached=True)
    return tape.linear(attended, f"{name}.o_proj", round(x.width), _DECODER, bias=False)


def _turned(tape: Tape, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions: products with cosines and sines."""
    if x.grad:
        for each in turns:
            tape.keep(each)
    return tape.result([x], x.rows, x.width)
