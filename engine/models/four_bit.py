"""Make bitsandbytes' 4-bit layers compute the same way on every processor."""

from __future__ import annotations

from typing import Any

from torch import nn


def keep_layout(model: nn.Module) -> None:
    """Stop 4-bit layers from repacking their weights when they first see an input in evaluation mode.

    On processors with AVX512-BF16 bitsandbytes (0.50) repacks the weights for a kernel without a backward pass that
    computes in bfloat16. After one evaluation, gradients below a base layer would silently come from the adapters alone,
    a resumed run would differ from an uninterrupted one, and layers whose width is not a multiple of 32 (or 64, the block
    size) would fail. Source: `Linear4bit.forward` and `_convert_weight_packed_for_cpu`.
    """
    module: Any
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
