"""Sizes of an audio encoder with a classification head, from its config.json alone. Does not import torch.

Norms and biases count too, so that the sums are exactly those of the loaded model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import ModelError

_CONV_DIM: Final = (512,) * 7
_CONV_KERNEL: Final = (10, 3, 3, 3, 3, 2, 2)
_CONV_STRIDE: Final = (5, 2, 2, 2, 2, 2, 2)


@dataclass(frozen=True, slots=True)
class EncoderSizes:
    """Numbers of parameters, and what activations depend on."""

    width: int
    inner_width: int
    """Width of the feed-forward layers."""
    layers: int
    linear_parameters: int
    """Weights of linear layers, which can be kept in 4 bits."""
    other_parameters: int
    """Convolutions, embeddings, norms, the biases of linear layers, and wav2vec 2.0's projection of its features; without
    the heads."""
    head_parameters: int
    """The heads, which every method trains in float32."""
    positions_per_s: float
    """Positions of the encoder per second of audio that it runs over."""

    def adapter_tensors(self, rank: int) -> list[int]:
        """Sizes of the adapter's tensors: on four attention layers and both feed-forward layers of each encoder layer."""
        width, inner = self.width, self.inner_width
        attention = 4 * [width * rank, rank * width]
        return self.layers * [*attention, width * rank, rank * inner, inner * rank, rank * width]


def sizes_of(config: Mapping[str, Any], labels: int) -> EncoderSizes:
    """Sizes of a model.

    Args:
        config: its config.json; a missing field has the default of transformers.
        labels: number of labels.

    Raises:
        ModelError: the config is of another kind of model, or a size is not a number.
    """
    kind = config.get("model_type")
    try:
        if kind == "whisper":
            return _whisper(config, labels)
        if kind in {"wav2vec2", "hubert"}:
            return _wave(config, labels)
        if kind == "audio-spectrogram-transformer":
            return _spectrogram(config, labels)
    except (TypeError, ValueError) as error:
        raise ModelError(f"a config.json of {kind} has sizes that are no numbers: {error}") from error
    raise ModelError(f"a config.json with the model_type {kind!r} is not of an audio encoder")


def _whisper(config: Mapping[str, Any], labels: int) -> EncoderSizes:
    width, inner = int(config.get("d_model", 384)), int(config.get("encoder_ffn_dim", 1536))
    layers, bands = int(config.get("encoder_layers", 4)), int(config.get("num_mel_bins", 80))
    positions = int(config.get("max_source_positions", 1500))
    convolutions = 3 * bands * width + width + 3 * width**2 + width
    # The key projections have no bias.
    others = layers * (_layer_others(width, inner) - width) + 2 * width + convolutions + positions * width
    others += _layer_weights(config, layers)
    return _sizes(width, inner, layers, others, _projected_head(config, width, labels), 50.0)


def _wave(config: Mapping[str, Any], labels: int) -> EncoderSizes:
    width, inner = int(config.get("hidden_size", 768)), int(config.get("intermediate_size", 3072))
    layers = int(config.get("num_hidden_layers", 12))
    channels = [int(size) for size in config.get("conv_dim", _CONV_DIM)]
    kernels = [int(size) for size in config.get("conv_kernel", _CONV_KERNEL)]
    strides = [int(size) for size in config.get("conv_stride", _CONV_STRIDE)]
    inputs = [1, *channels]
    front = sum(into * out * kernel for into, out, kernel in zip(inputs, channels, kernels, strict=False))
    front += sum(channels) * bool(config.get("conv_bias", False))
    front += 2 * (channels[0] if config.get("feat_extract_norm", "group") == "group" else sum(channels))
    if config.get("model_type") == "wav2vec2" or config.get("feat_proj_layer_norm", True):
        front += 2 * channels[-1]
    projection = channels[-1] * width + width
    taps, groups = config.get("num_conv_pos_embeddings", 128), config.get("num_conv_pos_embedding_groups", 16)
    # Weight norm: a direction, a length for each tap.
    positions = width * (width // int(groups)) * int(taps) + int(taps) + width
    others = front + projection + positions + 2 * width + layers * _layer_others(width, inner)
    others += _layer_weights(config, layers)
    positions_per_s = 16_000 / math.prod(strides)
    return _sizes(width, inner, layers, others, _projected_head(config, width, labels), positions_per_s)


def _spectrogram(config: Mapping[str, Any], labels: int) -> EncoderSizes:
    width, inner = int(config.get("hidden_size", 768)), int(config.get("intermediate_size", 3072))
    layers, patch = int(config.get("num_hidden_layers", 12)), int(config.get("patch_size", 16))
    bands, frames = int(config.get("num_mel_bins", 128)), int(config.get("max_length", 1024))
    rows = (bands - patch) // int(config.get("frequency_stride", 10)) + 1
    columns = (frames - patch) // int(config.get("time_stride", 10)) + 1
    positions = rows * columns + 2  # and two tokens that stand for the whole
    embeddings = (positions + 2) * width + patch**2 * width + width
    biases = 0 if config.get("qkv_bias", True) else -3 * width
    others = layers * (_layer_others(width, inner) + biases) + 2 * width + embeddings
    head = 2 * width + width * labels + labels
    return _sizes(width, inner, layers, others, head, positions / (frames / 100))


def _sizes(width: int, inner: int, layers: int, others: int, head: int, positions_per_s: float) -> EncoderSizes:
    linear = layers * (4 * width**2 + 2 * width * inner)
    return EncoderSizes(width, inner, layers, linear, others, head, positions_per_s)


def _layer_others(width: int, inner: int) -> int:
    """Biases of four attention and two feed-forward layers, and two norms."""
    return 4 * width + inner + width + 4 * width


def _layer_weights(config: Mapping[str, Any], layers: int) -> int:
    return layers + 1 if config.get("use_weighted_layer_sum", False) else 0


def _projected_head(config: Mapping[str, Any], width: int, labels: int) -> int:
    projected = int(config.get("classifier_proj_size", 256))
    return width * projected + projected + projected * labels + labels
