"""bitsandbytes' 4-bit layers, kept to one arithmetic on every processor."""

from __future__ import annotations

from typing import Any

from torch import nn


def keep_layout(model: nn.Module) -> None:
    """Stop 4-bit layers from repacking their weights when they first see an input in evaluation mode.

    On processors with AVX512-BF16 bitsandbytes (0.50) repacks for a kernel of its own, which has no backward pass and
    computes in bfloat16: after one evaluation the gradient of whatever lies below a base layer would silently be that
    of the adapters alone, a resumed run would differ from one never stopped, and layers whose width is no multiple of
    32 (or 64, the block size) fail. Source: `Linear4bit.forward` and `_convert_weight_packed_for_cpu`.
    """
    module: Any
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
