"""Fingerprint a recording in a few numbers that survive another gain, codec, rate, start, speed and some noise.

The loudest places of the spectrogram form pairs; a pair's two frequencies and its distance in time are a key. A copy of a
recording shares many keys with it, another recording few. The keys with the smallest hashes are kept, so that two copies
keep the same ones independently. A copy that was played slightly faster is found with the keys that the recording would
have at other speeds.

Source: Wang, An industrial-strength audio search algorithm, ISMIR 2003, sections 2.1 and 2.2; Broder, On the
resemblance and containment of documents, 1997, section 4 (which keys are kept).

Legend: T samples over time, F frames, K frequency bins, P peaks.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
"""Sample rate of the waves to fingerprint."""
KEYS = 40
"""Maximum number of keys of a recording; 32 bits each."""
HOP = 128
"""Samples between frames (8 ms), the unit of a key's time."""
SPEEDS = (1.0, 0.99, 1.01)
"""Speeds to query with: a copy within 1.5 % of the speed is found."""

_WINDOW = 1024  # 64 ms: resolves the harmonics of a voice
_LOW_BIN, _HIGH_BIN = 8, 218  # 125 Hz to 3.4 kHz: what telephones and low bit rates keep
_AROUND_BINS, _AROUND_FRAMES = 3, 4  # a peak is the highest within this distance
_PEAKS_PER_S, _FEWEST_PEAKS, _MOST_PEAKS = 40, 24, 320
_BLOCK = 64  # frames transformed at a time; blocks larger than the cache are slower
_PARTNERS = 5
_LONGEST_FRAMES = 62  # 0.5 s between the peaks of a pair
_COARSE = 2.0  # keys are this much coarser than frames and bins, because a peak may move by one
_LOGARITHMIC_BIN = 64.0  # above 1 kHz the bins of a key grow with the frequency, as errors of the speed do

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a recording and the frame at which each begins; at most `KEYS`."""

    key_N: npt.NDArray[np.uint32]
    time_N: npt.NDArray[np.uint16]


def fingerprint(wave_T: npt.NDArray[np.float32], speeds: tuple[float, ...] = SPEEDS) -> list[Keys]:
    """The keys of a recording at 16 kHz at each of the speeds; empty if it has no peaks."""
    frame_P, bin_P = _peaks(_spectrogram(wave_T))
    return [_keys(frame_P / speed, bin_P * speed) for speed in speeds]


def _spectrogram(wave_T: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """power_FK with 6 dB per octave added, so that not all peaks are in the lowest formant."""
    frames = max(1, -(-len(wave_T) // HOP))
    padded_T = np.zeros((frames - 1) * HOP + _WINDOW, np.float32)
    start = (_WINDOW - HOP) // 2
    padded_T[start : start + len(wave_T)] = wave_T
    strided_FW = np.lib.stride_tricks.sliding_window_view(padded_T, _WINDOW)[::HOP]
    power_FK = np.empty((frames, _HIGH_BIN - _LOW_BIN), np.float32)
    for first in range(0, frames, _BLOCK):
        spectrum = np.fft.rfft(strided_FW[first : first + _BLOCK] * _window(), axis=1)[:, _LOW_BIN:_HIGH_BIN]
        power_FK[first : first + _BLOCK] = spectrum.real**2 + spectrum.imag**2
    power_FK *= _tilt()
    return power_FK


@functools.cache
def _window() -> npt.NDArray[np.float32]:
    return np.hanning(_WINDOW).astype(np.float32)


@functools.cache
def _tilt() -> npt.NDArray[np.float32]:
    return np.square(np.arange(_LOW_BIN, _HIGH_BIN, dtype=np.float32))


def _peaks(power_FK: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Frames and bins, with fraction, of the strongest peaks in order of time."""
    highest_FK = _running_max(np.ascontiguousarray(_running_max(power_FK, _AROUND_BINS).T), _AROUND_FRAMES).T
    floor = power_FK.max() * 1e-5
    frame_P, bin_P = np.nonzero((power_FK >= highest_FK) & (power_FK > floor))
    most = min(_MOST_PEAKS, max(_FEWEST_PEAKS, round(len(power_FK) * HOP / RATE_HZ * _PEAKS_PER_S)))
    if len(frame_P) > most:
        strongest = np.sort(np.argpartition(power_FK[frame_P, bin_P], -most)[-most:])
        frame_P, bin_P = frame_P[strongest], bin_P[strongest]
    last = power_FK.shape[1] - 1
    low, mid, high = (
        np.log(power_FK[frame_P, np.clip(bin_P + step, 0, last)].astype(np.float64) + 1e-30) for step in (-1, 0, 1)
    )
    # The top of the parabola through the peak and its neighbours.
    fraction_P = np.clip(0.5 * (low - high) / np.minimum(low - 2 * mid + high, -1e-6), -0.5, 0.5)
    return frame_P.astype(np.float64), bin_P + _LOW_BIN + fraction_P


def _running_max(values: npt.NDArray[np.float32], reach: int) -> npt.NDArray[np.float32]:
    """The highest of non-negative values within `reach` along the last axis; by windows of doubling length."""
    window, length = 2 * reach + 1, 1
    highest: npt.NDArray[np.float32] = np.zeros((values.shape[0], values.shape[1] + 2 * reach), np.float32)
    highest[:, reach:-reach] = values
    while length < window:
        step = min(length, window - length)
        highest = np.maximum(highest[:, :-step], highest[:, step:])
        length += step
    return highest


def _keys(time_P: Floats, bin_P: Floats) -> Keys:
    """Pair each peak with those that follow it, and keep the keys with the smallest hashes."""
    coarse_P = _coarse(bin_P)
    keys, times = [], []
    for step in range(1, min(_PARTNERS, len(time_P) - 1) + 1):
        gap = time_P[step:] - time_P[:-step]
        near = (gap > 0.5) & (gap <= _LONGEST_FRAMES)
        distance = np.rint(gap[near] / _COARSE).astype(np.int64)
        keys.append(coarse_P[:-step][near] << 14 | coarse_P[step:][near] << 7 | distance)
        times.append(time_P[:-step][near])
    if not keys:
        return Keys(np.zeros(0, np.uint32), np.zeros(0, np.uint16))
    key_N = _hashed(np.concatenate(keys).astype(np.uint32))
    smallest = np.argsort(key_N, kind="stable")[:KEYS]
    return Keys(key_N[smallest], np.rint(np.concatenate(times)[smallest]).astype(np.uint16))


def _coarse(bin_P: Floats) -> npt.NDArray[np.int64]:
    logarithmic_P = _LOGARITHMIC_BIN * (1 + np.log(np.maximum(bin_P, 1.0) / _LOGARITHMIC_BIN))
    coarse_P = np.where(bin_P < _LOGARITHMIC_BIN, bin_P, logarithmic_P) / _COARSE
    return np.clip(coarse_P, 0, 127).astype(np.int64)


def _hashed(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Hash keys, so that the smallest are a fair sample.

    Source: Wellons, hash-prospector, `lowbias32`.
    """
    mixed = values.copy()
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x7FEB352D)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x846CA68B)
    mixed ^= mixed >> np.uint32(16)
    return mixed
