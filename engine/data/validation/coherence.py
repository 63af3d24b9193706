"""Whether two recordings are one and the same: their samples correlate, wherever one of them is looked at.

Two takes of one word by one speaker have the same loudness and pitch over time and sound alike; their waves still
drift apart within a few periods of the voice. A copy follows its original sample by sample, whatever its gain, codec or
sample rate, so the correlation of the waves, with the high frequencies raised, tells them apart with a wide margin.

Legend: T samples over time, K frequency bins, L lags.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.data.validation.fingerprint import HOP, RATE_HZ

Wave = npt.NDArray[np.float32]

_LOW_HZ, _HIGH_HZ = 150.0, 3400.0
_LAG_S = 0.03  # the fingerprint knows the shift to 24 ms
_PIECE_S = 0.4  # with an error of the speed of 0.03 %, the ends of a piece are off by a sixth of a period at 3 kHz
_MOST_PIECES = 6
_SHORTEST_S = 0.06
_COARSE_STEPS = tuple(0.001 * step for step in range(-12, 13))  # around the speed that the fingerprint was asked with
_FINE_STEPS = tuple(0.000125 * step for step in range(-4, 5))


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far two recordings are one."""

    coherence: float
    """Correlation of their samples over the pieces compared, 0..1."""
    extent: float
    """Part of either that lies in what they share, 0..1, the smaller of the two; 0 where it was not asked."""


def likeness(new_T: Wave, old_T: Wave, shift_frames: int, speed: float, enough: float) -> Likeness:
    """Compare two recordings at 16 kHz.

    Args:
        new_T: one.
        old_T: the other.
        shift_frames: where the other begins in the first, in frames of the fingerprint.
        speed: at which the first is like the other.
        enough: the coherence under which the loudest piece decides, so that strangers cost little.
    """
    same_T = _at_speed(new_T, speed)
    shift = shift_frames * HOP
    first, last = max(0, -shift), min(len(old_T), len(same_T) - shift)
    if last - first < _SHORTEST_S * RATE_HZ:
        return Likeness(0.0, 0.0)
    total = weight = 0.0
    for start, end, energy in _pieces(old_T, first, last):
        coherence = _coherence(old_T[start:end], same_T, start + shift)
        if not weight and coherence < enough:
            return Likeness(coherence, 0.0)
        total, weight = total + energy * coherence, weight + energy
    extent = min(_share(old_T, first, last), _share(same_T, first + shift, last + shift))
    return Likeness(total / max(weight, 1e-12), extent)


def exact_speed(new_T: Wave, old_T: Wave, shift_frames: int, speed: float) -> float:
    """The speed near a given one at which the loudest piece of the old recording is most like the new one."""
    shift = shift_frames * HOP
    first, last = max(0, -shift), min(len(old_T), int(len(new_T) / speed) - shift)
    if last - first < _SHORTEST_S * RATE_HZ:
        return speed
    start, end, _ = _pieces(old_T, first, last, slices=1)[0]
    lag = round(_LAG_S * RATE_HZ)
    low = max(0, round((start + shift) * speed) - lag)
    around_T = new_T[low : round((end + shift) * speed) + lag]
    for steps in (_COARSE_STEPS, _FINE_STEPS):
        found = [speed * (1 + step) for step in steps]
        # The old piece is played at the inverse speed: it is short, and one FFT of the new one serves all.
        speed = max((_coherence(_at_speed(old_T[start:end], 1 / each), around_T, lag), each) for each in found)[1]
    return speed


def _share(wave_T: Wave, first: int, last: int) -> float:
    """How much of a recording a part is: the mean of its share of the time and of the energy."""
    energy = float(np.dot(wave_T[first:last], wave_T[first:last])) / max(float(np.dot(wave_T, wave_T)), 1e-12)
    return 0.5 * (energy + (last - first) / len(wave_T))


def _pieces(old_T: Wave, first: int, last: int, slices: int | None = None) -> list[tuple[int, int, float]]:
    """Start, end and energy of the pieces to compare, spread over the whole, the loudest first."""
    # The shift is known to 24 ms only: away from the ends a piece surely lies in both recordings.
    margin = min(round(_LAG_S * RATE_HZ), (last - first) // 6)
    first, last = first + margin, last - margin
    length = min(last - first, round(_PIECE_S * RATE_HZ))
    slices = slices or min(_MOST_PIECES, max(1, (last - first) // length))
    edges = np.linspace(first, last, slices + 1).astype(int)
    pieces = []
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        sums = np.concatenate([[0.0], np.cumsum(np.square(old_T[low:high], dtype=np.float64))])
        starts = np.arange(0, max(1, high - low - length + 1), HOP)
        ends = np.minimum(starts + length, high - low)
        energy = sums[ends] - sums[starts]
        at = int(energy.argmax())
        pieces.append((low + int(starts[at]), low + int(ends[at]), float(energy[at])))
    return sorted(pieces, key=lambda piece: -piece[2])


def _coherence(piece_T: Wave, wave_T: Wave, start: int) -> float:
    """Highest correlation of a piece with a wave near a place, over small lags; 0..1."""
    lag = round(_LAG_S * RATE_HZ)
    around_T = np.zeros(len(piece_T) + 2 * lag, np.float32)
    low, high = max(0, start - lag), min(len(wave_T), start + len(piece_T) + lag)
    if high - low < len(piece_T) // 2:
        return 0.0
    around_T[low - start + lag : high - start + lag] = wave_T[low:high]
    padded = 1 << (len(piece_T) + len(around_T) - 1).bit_length()
    weight_K = _weight(padded)
    piece_K = np.fft.rfft(piece_T, padded) * weight_K
    around_K = np.fft.rfft(around_T, padded) * weight_K
    correlation_L = np.fft.irfft(around_K * np.conj(piece_K), padded)
    filtered_T = np.fft.irfft(around_K, padded)
    sums = np.concatenate([[0.0], np.cumsum(np.square(filtered_T[: len(around_T)], dtype=np.float64))])
    lags = np.arange(2 * lag + 1)
    energy_L = sums[lags + len(piece_T)] - sums[lags]
    piece_energy = float(np.square(np.abs(piece_K), dtype=np.float64).sum()) * 2 / padded
    scale_L = np.sqrt(np.maximum(energy_L, 0.1 * energy_L.max() + 1e-20) * max(piece_energy, 1e-20))
    return float((np.abs(correlation_L[lags]) / scale_L).max())


@functools.lru_cache(maxsize=8)
def _weight(padded: int) -> npt.NDArray[np.float32]:
    """Pre-emphasis of 9 dB per octave inside the band, nothing outside."""
    frequency_K = np.fft.rfftfreq(padded, 1 / RATE_HZ)
    inside_K = (frequency_K >= _LOW_HZ) & (frequency_K <= _HIGH_HZ)
    return np.where(inside_K, (frequency_K / 1000.0) ** 1.5, 0.0).astype(np.float32)


def _at_speed(wave_T: Wave, speed: float) -> Wave:
    if speed == 1.0:
        return wave_T
    places = np.arange(int(len(wave_T) / speed)) * speed
    return np.interp(places, np.arange(len(wave_T)), wave_T).astype(np.float32)
