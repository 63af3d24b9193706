"""Change the sample rate.

Legend: T samples over time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float32]

_MAX_RATIO_TERM = 640  # 11,025 Hz to 16 kHz is 441/640, the largest terms among common rates


def resample(wave_T: Wave, from_hz: int, to_hz: int) -> Wave:
    """Change the sample rate by windowed-sinc interpolation.

    Rates without a ratio of small integers (44,101 Hz) use the nearest ratio with terms up to 640, off by less than 3
    parts per million, since the exact filter would take gigabytes.

    Source: torchaudio.transforms.Resample, with its default width and window.
    """
    if from_hz == to_hz or not len(wave_T):
        return wave_T
    resampled: Wave = _resampler(from_hz, to_hz)(wave_T)
    return resampled


@functools.lru_cache(maxsize=16)
def _resampler(from_hz: int, to_hz: int) -> Callable[[Wave], Wave]:
    import torch
    from torchaudio.transforms import Resample

    ratio = Fraction(from_hz, to_hz).limit_denominator(_MAX_RATIO_TERM)
    transform = Resample(ratio.numerator, ratio.denominator)

    def apply(wave_T: Wave) -> Wave:
        with torch.inference_mode():
            resampled: Wave = transform(torch.from_numpy(np.ascontiguousarray(wave_T))).numpy()
        return resampled

    return apply
