"""Numbers of weights of a Qwen2-Audio or a Voxtral, from its config.json alone. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.families.linear_layers import LinearLayers, biases_of, weights_of

# What a config.json of transformers may leave out, because it is the default. Source: the configs in transformers 5.23.
_AUDIO: Final[Mapping[str, Any]] = {
    "num_mel_bins": 128,
    "max_source_positions": 1500,
    "width": 1280,
    "inner": 5120,
    "layers": 32,
}
# The encoders' fields have different names.
_AUDIO_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "qwen2_audio": {"width": "d_model", "inner": "encoder_ffn_dim", "layers": "encoder_layers"},
    "voxtral": {"width": "hidden_size", "inner": "intermediate_size", "layers": "num_hidden_layers"},
}
_QWEN2: Final[Mapping[str, Any]] = {
    "vocab_size": 151936,
    "hidden_size": 4096,
    "intermediate_size": 22016,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
}
_LLAMA_OF_VOXTRAL: Final[Mapping[str, Any]] = {
    "vocab_size": 131072,
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 30,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
}
_TEXT: Final[Mapping[str, Mapping[str, Any]]] = {"qwen2_audio": _QWEN2, "voxtral": _LLAMA_OF_VOXTRAL}


def linear_layers(config: Mapping[str, Any]) -> list[LinearLayers]:
    """The linear layers of a model with this config.json, all of which get an adapter by default; not the output layer."""
    return [*_audio_layers(config), *_projector(config), *_decoder_layers(config)]


def linear_parameters(config: Mapping[str, Any]) -> int:
    """Number of weights in linear layers, which can be stored in 4 bits."""
    return weights_of(linear_layers(config))


def other_parameters(config: Mapping[str, Any]) -> int:
    """Number of all other weights: embeddings, output layer, convolutions, norms, biases."""
    audio, text = _audio(config), _text(config)
    width, vocabulary = audio["width"], text["vocab_size"] * text["hidden_size"]
    convolutions = (3 * audio["num_mel_bins"] + 1) * width + (3 * width + 1) * width
    positions = audio["max_source_positions"] * width
    audio_norms = (2 * audio["layers"] + 1) * 2 * width
    text_norms = (2 * text["num_hidden_layers"] + 1) * text["hidden_size"]
    vocabularies = 1 if text.get("tie_word_embeddings") else 2
    biases = biases_of(linear_layers(config))
    return int(convolutions + positions + audio_norms + text_norms + vocabularies * vocabulary + biases)


def _audio(config: Mapping[str, Any]) -> dict[str, Any]:
    told = config.get("audio_config", {})
    names = _AUDIO_NAMES[config["model_type"]]
    return {name: told.get(names.get(name, name), default) for name, default in _AUDIO.items()}


def _text(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**_TEXT[config["model_type"]], **config.get("text_config", {})}


def _audio_layers(config: Mapping[str, Any]) -> Iterator[LinearLayers]:
    audio = _audio(config)
    width, inner, layers = audio["width"], audio["inner"], audio["layers"]
    for target in ("q_proj", "k_proj", "v_proj", "out_proj"):
        yield LinearLayers("audio_encoder", target, width, width, layers, has_bias=target != "k_proj")
    yield LinearLayers("audio_encoder", "fc1", width, inner, layers, has_bias=True)
    yield LinearLayers("audio_encoder", "fc2", inner, width, layers, has_bias=True)


def _projector(config: Mapping[str, Any]) -> Iterator[LinearLayers]:
    audio, width = _audio(config), _text(config)["hidden_size"]
    if config["model_type"] == "qwen2_audio":
        yield LinearLayers("fusion", "linear", audio["width"], width, 1, has_bias=True)
    else:
        yield LinearLayers("fusion", "linear_1", audio["inner"], width, 1, has_bias=False)
        yield LinearLayers("fusion", "linear_2", width, width, 1, has_bias=False)


def _decoder_layers(config: Mapping[str, Any]) -> Iterator[LinearLayers]:
    text = _text(config)
    width, inner, layers = text["hidden_size"], text["intermediate_size"], text["num_hidden_layers"]
    head = text.get("head_dim") or width // text["num_attention_heads"]
    queries, keys = head * text["num_attention_heads"], head * text["num_key_value_heads"]
    has_bias = config["model_type"] == "qwen2_audio"
    yield LinearLayers("text_decoder", "q_proj", width, queries, layers, has_bias)
    yield LinearLayers("text_decoder", "k_proj", width, keys, layers, has_bias)
    yield LinearLayers("text_decoder", "v_proj", width, keys, layers, has_bias)
    yield LinearLayers("text_decoder", "o_proj", queries, width, layers, has_bias=False)
    yield LinearLayers("text_decoder", "gate_proj", width, inner, layers, has_bias=False)
    yield LinearLayers("text_decoder", "up_proj", width, inner, layers, has_bias=False)
    yield LinearLayers("text_decoder", "down_proj", inner, width, layers, has_bias=False)
