"""Sizes of a CTC model from its config, for estimates of memory. Does not import torch.

Legend: D width, I inner width of feed-forward layers, C channels and K kernel of a convolution, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_DEFAULTS: Final[Mapping[str, Any]] = {
    "conv_dim": (512,) * 7,
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2),
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
    "conv_bias": False,
    "feat_extract_norm": "group",
    "feat_proj_layer_norm": True,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "intermediate_size": 3072,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "conv_pos_batch_norm": False,
    "position_embeddings_type": "relative",
    "conv_depthwise_kernel_size": 31,
    "mask_time_prob": 0.05,
    "mask_feature_prob": 0.0,
    "add_adapter": False,
    "num_adapter_layers": 3,
    "adapter_kernel_size": 3,
    "adapter_attn_dim": None,
    "do_stable_layer_norm": False,
    "vocab_size": 32,
}


@dataclass(frozen=True, slots=True)
class CtcSizes:
    """Sizes of a wav2vec 2.0, HuBERT or Wav2Vec2-Conformer with a CTC head."""

    width: int
    inner: int
    layers: int
    vocabulary: int
    is_conformer: bool
    samples_per_frame: int
    linear_parameters: int
    """Weights of linear layers in the transformer, which can be stored in 4 bits."""
    other_parameters: int
    """All other weights, in float32: convolutions, projection, norms, biases, head."""
    convolution_parameters: int
    """Of the other weights, those of the feature encoder, which only training from scratch trains."""

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.linear_parameters + self.other_parameters

    @property
    def targets(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each linear layer that gets an adapter by default."""
        forward = [(self.width, self.inner), (self.inner, self.width)] * (2 if self.is_conformer else 1)
        return ([(self.width, self.width)] * 4 + forward) * self.layers

    @property
    def head_parameters(self) -> int:
        """Weights of the head; a model without a stacked adapter of another width is assumed."""
        return (self.width + 1) * self.vocabulary

    def adapter_parameters(self, rank: int) -> int:
        """Weights of LoRA on the default targets: rank (inputs + outputs) each."""
        return sum(rank * (inputs + outputs) for inputs, outputs in self.targets)


def sizes_of(config: Mapping[str, Any]) -> CtcSizes:
    """Sizes of a model, from the values of its config.json.

    With d = D, i = I: a transformer layer has 4 d^2 + 2 d i linear weights, a conformer layer 4 d^2 + 4 d i, and d^2 more
    with relative positions.
    """
    c = {**_DEFAULTS, **{key: value for key, value in config.items() if value is not None}}
    is_conformer = c["model_type"] == "wav2vec2-conformer"
    d, i, layers, v = (int(c[k]) for k in ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size"))
    convolutions = _convolutions(c)
    projected = int(c["conv_dim"][-1])
    has_norm = c["model_type"] != "hubert" or c["feat_proj_layer_norm"]
    other = convolutions + (2 * projected if has_norm else 0) + (projected + 1) * d
    # The convolution over positions: its weights are normalised with one factor per place in the kernel.
    kernel = int(c["num_conv_pos_embeddings"])
    other += d * d // int(c["num_conv_pos_embedding_groups"]) * kernel + d
    other += 2 * d if c["model_type"] == "hubert" and c["conv_pos_batch_norm"] else kernel
    other += 2 * d  # the norm before or after all layers
    other += d if c["mask_time_prob"] > 0 or c["mask_feature_prob"] > 0 else 0
    if is_conformer:
        relative = c["position_embeddings_type"] == "relative"
        linear = 4 * d * d + 4 * d * i + (d * d if relative else 0)
        attention = 4 * d + (2 * d if relative else 0)
        # Five norms; pointwise, depthwise, batch norm, pointwise.
        convolution = 2 * d * d + int(c["conv_depthwise_kernel_size"]) * d + 2 * d + d * d
        rest = attention + 2 * (d + i) + 5 * 2 * d + convolution
    else:
        linear = 4 * d * d + 2 * d * i
        rest = 4 * d + (d + i) + 2 * 2 * d
        if c["adapter_attn_dim"] is not None and c["do_stable_layer_norm"]:
            a = int(c["adapter_attn_dim"])
            rest += 2 * d + (d + 1) * a + (a + 1) * d
    output = d
    if c["add_adapter"] and c["model_type"] != "hubert":
        output = int(c.get("output_hidden_size") or d)
        other += (d + 1) * output + 2 * output if output != d else 0
        other += int(c["num_adapter_layers"]) * (2 * output * output * int(c["adapter_kernel_size"]) + 2 * output)
    other += layers * rest + (output + 1) * v
    samples = 1
    for stride in c["conv_stride"]:
        samples *= int(stride)
    return CtcSizes(d, i, layers, v, is_conformer, samples, layers * linear, other, convolutions)


def _convolutions(c: Mapping[str, Any]) -> int:
    total, inputs = 0, 1
    for place, (outputs, kernel) in enumerate(zip(c["conv_dim"], c["conv_kernel"], strict=True)):
        is_normalised = c["feat_extract_norm"] == "layer" or place == 0
        total += inputs * outputs * kernel + (outputs if c["conv_bias"] else 0) + (2 * outputs if is_normalised else 0)
        inputs = outputs
    return total
