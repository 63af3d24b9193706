"""Detect clipping by flat tops: samples that stop at the limit of a microphone, an amplifier or a program.

The level need not be full scale: clipped audio that is then made quieter stays clipped. A smooth wave that comes near its
highest value, even a pure tone whose periods all reach it, has at most 2.4 times as many samples in the top band of its
amplitudes as in the band below (1 / (√2 - 1), as in a parabola); a flat top has many times more. This holds at every
scale, so several bands are tried: the narrow ones detect clean clipping, the wide ones clipping that noise or a codec
has blurred since. In addition, consecutive samples must lie flat or the peaks must be irregular: a tone with few phases
has neither.

Legend: T samples over time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BANDS = (0.0005, 0.002, 0.008, 0.03)  # heights of the top band, of the highest amplitude
_RATIO = 6.0  # top band to the band below it: a parabola has 2.4
_COARSE_RATIO = 3.0  # highest step to the one below it
_FEWEST = 6  # samples on the flat top
_DROP = 6.0  # from a run of three to its neighbours, in spreads of the run: a parabola has 4
_LEVELS = 64  # amplitudes used to find the step between them
_FEWEST_SINGLE = 12  # samples, if no two are neighbours
_FEWEST_PAIRS = 3  # places with two neighbours on the flat top
_IRREGULAR = 0.3  # standard deviation of the distances between peaks, relative to their mean
_STEPS = 1.5  # the top band holds at least this many of the file's own amplitude steps


def clipped_samples(wave_T: npt.NDArray[np.float32]) -> int:
    """Number of samples on positive and negative flat tops, at the file's own sample rate.

    Resampling rounds flat tops off, so it must come later.
    """
    return _flat_top(wave_T) + _flat_top(-wave_T)


def _flat_top(wave_T: npt.NDArray[np.float32]) -> int:
    top = float(wave_T.max())
    if top <= 0.0:
        return 0
    near_N = np.flatnonzero(wave_T > top * (1 - 2 * _BANDS[-1]))
    if len(near_N) < _FEWEST:
        return 0
    step = _step(wave_T, top)
    if _STEPS * step > _BANDS[-1] * top:  # a file with few steps: compare the highest value with the one below
        heights, lower, ratio = [0.1 * step], 1.1 * step, _COARSE_RATIO
        near_N = np.flatnonzero(wave_T > top - lower)
    else:
        heights, lower = [max(band * top, _STEPS * step) for band in _BANDS], 0.0
        ratio = _RATIO
    depth_N = top - wave_T[near_N]
    most = 0
    for height in heights:
        inside_N = near_N[depth_N <= height]
        inside = len(inside_N)
        below = int(np.count_nonzero(depth_N <= (lower or 2 * height))) - inside
        if inside > most and inside >= _FEWEST and inside > ratio * below and _is_no_tone(wave_T, top, inside_N):
            most = inside
    return most


def _step(wave_T: npt.NDArray[np.float32], top: float) -> float:
    """The file's amplitude step: 8-bit and mu-law files have coarse steps, with many samples on each."""
    distinct = np.unique(wave_T[wave_T > 0.5 * top])[-_LEVELS:-1]  # a flat top itself may lie between two steps
    if len(distinct) < 2:
        distinct = np.unique(wave_T[wave_T > 0.0])[-_LEVELS:-1]
    return float(np.diff(distinct).min()) if len(distinct) > 1 else 0.0


def _is_no_tone(wave_T: npt.NDArray[np.float32], top: float, inside_N: npt.NDArray[np.int64]) -> bool:
    """Whether samples lie flat, or the peaks come as irregularly as those of speech.

    The few phases of a tone like 500 Hz at 16 kHz put all of its peaks on the same value.
    """
    ends = np.flatnonzero(np.diff(inside_N) > 1)
    first_R = inside_N[np.concatenate([[0], ends + 1])]
    last_R = inside_N[np.concatenate([ends, [len(inside_N) - 1]])]
    gaps = np.diff(first_R)
    pairs = int(np.count_nonzero(last_R > first_R))
    many = len(gaps) >= _FEWEST and len(inside_N) >= _FEWEST_SINGLE
    if (many or pairs >= _FEWEST_PAIRS) and len(gaps) >= 2 and gaps.std() > _IRREGULAR * gaps.mean():
        return True
    return _has_flat_run(wave_T, top, first_R, last_R)


def _has_flat_run(
    wave_T: npt.NDArray[np.float32], top: float, first_R: npt.NDArray[np.int64], last_R: npt.NDArray[np.int64]
) -> bool:
    """Whether three or more consecutive samples lie flatter than a smooth wave could, given the drop around them."""
    long_R = last_R - first_R >= 2
    for first, last in zip(first_R[long_R].tolist(), last_R[long_R].tolist(), strict=True):
        outside = top - wave_T[[max(0, first - 1), min(len(wave_T) - 1, last + 1)]]
        if outside.max() > _DROP * np.ptp(wave_T[first : last + 1]):
            return True
    return False
