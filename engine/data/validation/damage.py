"""Detect damage inside files without checksums: bytes that are not audio, read as samples.

Legend: T samples over time, F frames.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_FRAME, _HOP = 24, 12  # samples: the shortest stretch whose correlation is meaningful
_LOUD_RMS = 0.45  # of a frame: random 16-bit numbers have 0.577
_LOUD_MEAN = 0.27  # mean power of all such frames: random numbers have 0.333, hisses of loud speech barely the minimum
_WHITE = 0.35  # correlation of neighbouring samples: other sounds of that level have far more
_FEWEST_FRAMES = 8
_WITHIN_FRAMES = 12  # damage is a stretch; in loud speech every period of the voice may have one such frame


def random_samples(wave_T: npt.NDArray[np.float32]) -> int:
    """Number of samples as loud and random as arbitrary bytes: white, and near full scale."""
    if len(wave_T) < _FRAME or float(np.abs(wave_T).max()) < 0.9:
        return 0
    wave_FT = np.lib.stride_tricks.sliding_window_view(wave_T, _FRAME)[::_HOP]
    sums_T = np.concatenate([[0.0], np.cumsum(np.square(wave_T), dtype=np.float64)])
    starts_F = np.arange(len(wave_FT)) * _HOP
    power_F = (sums_T[starts_F + _FRAME] - sums_T[starts_F]) / _FRAME
    loud = np.flatnonzero(power_F > _LOUD_RMS**2)
    if len(loud) < _FEWEST_FRAMES:
        return 0
    loud_FT = wave_FT[loud]
    correlation_F = np.abs((loud_FT[:, 1:] * loud_FT[:, :-1]).mean(axis=1)) / power_F[loud]
    # A clipped wave is loud and has few values.
    distinct_F = 1 + np.count_nonzero(np.diff(np.sort(loud_FT, axis=1), axis=1), axis=1)
    is_random_F = (correlation_F < _WHITE) & (distinct_F > 0.9 * _FRAME)
    random = loud[is_random_F]
    if len(random) < _FEWEST_FRAMES or power_F[random].mean() < _LOUD_MEAN:
        return 0
    if (random[_FEWEST_FRAMES - 1 :] - random[: 1 - _FEWEST_FRAMES]).min() >= _WITHIN_FRAMES:
        return 0
    return len(random) * _HOP
