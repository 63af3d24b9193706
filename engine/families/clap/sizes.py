"""Numbers of weights of a CLAP model, from its config.json alone. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.families.linear_layers import LinearLayers, biases_of, weights_of

# What a config.json of transformers may leave out, because it is the default. Source: `ClapConfig` and its parts.
_TEXT: Final[Mapping[str, Any]] = {
    "vocab_size": 50265,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
}
_AUDIO: Final[Mapping[str, Any]] = {
    "window_size": 8,
    "num_mel_bins": 64,
    "patch_size": 4,
    "hidden_size": 768,
    "depths": (2, 2, 6, 2),
    "num_attention_heads": (4, 8, 16, 32),
    "patch_embed_input_channels": 1,
    "enable_patch_layer_norm": True,
    "patch_embeds_hidden_size": 96,
    "qkv_bias": True,
    "mlp_ratio": 4.0,
}
_PROJECTION: Final = 512


def linear_layers(config: Mapping[str, Any]) -> list[LinearLayers]:
    """The linear layers of a model with this config.json, all of which get an adapter by default."""
    return [*_audio_layers(config), *_text_layers(config), *_projections(config)]


def linear_parameters(config: Mapping[str, Any]) -> int:
    """Number of weights in linear layers, which can be stored in 4 bits."""
    return weights_of(linear_layers(config))


def other_parameters(config: Mapping[str, Any]) -> int:
    """Number of all other weights: embeddings, the convolution, norms, biases, temperatures."""
    text, audio = _TEXT | config.get("text_config", {}), _AUDIO | config.get("audio_config", {})
    width, layers = text["hidden_size"], text["num_hidden_layers"]
    embeddings = (text["vocab_size"] + text["max_position_embeddings"] + text["type_vocab_size"]) * width
    text_norms = (2 * layers + 1) * 2 * width
    patch, first = audio["patch_size"] ** 2, audio["patch_embeds_hidden_size"]
    convolution = (audio["patch_embed_input_channels"] * patch + 1) * first + 2 * first * audio[
        "enable_patch_layer_norm"
    ]
    stages = len(audio["depths"])
    mel_norm, last_norm = 2 * audio["num_mel_bins"], 2 * first * 2 ** (stages - 1)
    audio_norms = positions = 0
    for stage, (depth, heads) in enumerate(zip(audio["depths"], audio["num_attention_heads"], strict=True)):
        stage_width = first * 2**stage
        merging = 2 * 4 * stage_width if stage < stages - 1 else 0
        audio_norms += depth * 4 * stage_width + merging
        positions += depth * heads * (2 * audio["window_size"] - 1) ** 2
    biases = biases_of(linear_layers(config))
    temperatures = 2
    others = (embeddings, text_norms, convolution, mel_norm, last_norm, audio_norms, positions, biases, temperatures)
    return int(sum(others))


def _audio_layers(config: Mapping[str, Any]) -> Iterator[LinearLayers]:
    audio = _AUDIO | config.get("audio_config", {})
    stages = len(audio["depths"])
    for stage, depth in enumerate(audio["depths"]):
        width = audio["patch_embeds_hidden_size"] * 2**stage
        inner = int(audio["mlp_ratio"] * width)
        for target in ("query", "key", "value"):
            yield LinearLayers("audio_encoder", target, width, width, depth, has_bias=audio["qkv_bias"])
        yield LinearLayers("audio_encoder", "dense", width, width, depth, has_bias=True)
        yield LinearLayers("audio_encoder", "dense", width, inner, depth, has_bias=True)
        yield LinearLayers("audio_encoder", "dense", inner, width, depth, has_bias=True)
        if stage < stages - 1:
            yield LinearLayers("audio_encoder", "reduction", 4 * width, 2 * width, 1, has_bias=False)


def _text_layers(config: Mapping[str, Any]) -> Iterator[LinearLayers]:
    text = _TEXT | config.get("text_config", {})
    width, inner, layers = text["hidden_size"], text["intermediate_size"], text["num_hidden_layers"]
    for target in ("query", "key", "value"):
        yield LinearLayers("text_decoder", target, width, width, layers, has_bias=True)
    pooler = 1
    yield LinearLayers("text_decoder", "dense", width, width, layers + pooler, has_bias=True)
    yield LinearLayers("text_decoder", "dense", width, inner, layers, has_bias=True)
    yield LinearLayers("text_decoder", "dense", inner, width, layers, has_bias=True)


def _projections(config: Mapping[str, Any]) -> Iterator[LinearLayers]:
    audio, text = _AUDIO | config.get("audio_config", {}), _TEXT | config.get("text_config", {})
    width = config.get("projection_dim", _PROJECTION)
    for inputs in (audio["hidden_size"], text["hidden_size"]):
        yield LinearLayers("fusion", "linear1", inputs, width, 1, has_bias=True)
        yield LinearLayers("fusion", "linear2", width, width, 1, has_bias=True)
