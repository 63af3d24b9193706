"""What examples cost with a CTC model, from a model's config.json. Does not import torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.config.context import ShortContextConfig
from engine.config.training import TrainingConfig
from engine.data.padding import padded_s
from engine.families.costing import Costing

_RATE_HZ: Final = 16_000
_KERNELS: Final = (10, 3, 3, 3, 3, 2, 2)
_STRIDES: Final = (5, 2, 2, 2, 2, 2, 2)


def run_context(config: TrainingConfig) -> ShortContextConfig:
    """The context of these models: they have no window, and silence after the speech is not needed."""
    context = config.context
    bucket_s = context.bucket_s if isinstance(context, ShortContextConfig) else 0.5
    return ShortContextConfig(bucket_s=bucket_s, tail_s=0.0)


def mixes_padding(model: Mapping[str, Any]) -> bool:
    """Whether convolutions after the first attention mix frames with the padding behind them.

    No mask keeps them at zero: the conformer's, HuBERT's behind a batch normalisation, and the stacked adapter's.
    """
    is_conformer = model.get("model_type") == "wav2vec2-conformer"
    return bool(is_conformer or model.get("conv_pos_batch_norm") or model.get("add_adapter"))


def costing(config: TrainingConfig, model: Mapping[str, Any], targets: float) -> Costing:
    """Seconds of audio, up to the next bucket, or those of its own frames if the model cannot pad."""
    context = run_context(config)
    convolutions = list(zip(model.get("conv_kernel", _KERNELS), model.get("conv_stride", _STRIDES), strict=True))
    hop_s: float = math.prod(stride for _, stride in convolutions) / _RATE_HZ
    has_frames = mixes_padding(model)

    def padded(duration_s: float) -> float:
        if not has_frames:
            return padded_s(duration_s, context, window_s=math.inf)
        return max(1, shortened(round(duration_s * _RATE_HZ), convolutions)) * hop_s

    return Costing("audio_s", own=lambda duration_s: duration_s, padded=padded)


def shortened(length: int, convolutions: Sequence[tuple[int, int]]) -> int:
    """Frames that convolutions (kernel, stride) make of a length."""
    for kernel, stride in convolutions:
        length = (length - kernel) // stride + 1
    return max(0, length)
