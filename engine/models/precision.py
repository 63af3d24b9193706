"""Choose the fastest compute type of a processor."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16", "float16"]


# Below this width, conversion costs a CPU as much as the faster products save: 4-bit training steps of a Whisper model
# took 114 ms in float32 and 126 ms in bfloat16 at width 128, 492 ms and 342 ms at width 384 (docs/LOG.md).
_CPU_BFLOAT16_WIDTH = 256


def choose_dtype(precision: Precision, device: torch.device, width: int) -> torch.dtype:
    """The compute type for `precision` on `device`, for a model of this width.

    `auto` chooses bfloat16 only if the processor has instructions for it: emulated bfloat16 on an AVX2 processor makes a
    4-bit training step more than ten times slower than float32.
    """
    if precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        if major >= 8:
            return torch.bfloat16
        # Tensor cores from 7.0 on, and the double-rate half precision of the Jetson boards (5.3, 6.2).
        return torch.float16 if major >= 7 or (major, minor) in ((5, 3), (6, 2)) else torch.float32
    if device.type == "cpu" and width >= _CPU_BFLOAT16_WIDTH and _cpu_has_bfloat16():
        return torch.bfloat16
    return torch.float32


def _cpu_has_bfloat16() -> bool:
    capabilities = torch.backends.cpu.get_cpu_capability() if hasattr(torch.backends, "cpu") else ""
    if "AVX512" not in capabilities:
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def best_device() -> torch.device:
    """The first GPU that torch can use, else the CPU."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
