"""Decide whether two recordings are copies: their samples correlate everywhere.

Two takes of a word by one speaker have the same loudness and pitch over time and sound alike, but their waves drift apart
within a few periods of the voice. A copy follows its original sample by sample, for any gain, codec or sample rate, so the
correlation of the waves, with raised high frequencies, separates them by a wide margin.

Legend: T samples over time, K frequency bins, L lags.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.data.validation.fingerprint import HOP, RATE_HZ

Wave = npt.NDArray[np.float32]

_LOW_HZ, _HIGH_HZ = 150.0, 3400.0
_EMPHASIS = 1.5  # 9 dB per octave: different recordings of similar pitch agree in the low harmonics
_LAG = 480  # samples, 30 ms: the fingerprint knows the shift to 24 ms
_PIECE_S = 0.4  # with an error of the speed of 0.03 %, the ends of a piece are off by a sixth of a period at 3 kHz
_MOST_PIECES = 6
_SHORTEST_S = 0.06
_FRAME = 160  # samples, 10 ms
_NEARLY_AS_LOUD = 0.01  # 20 dB below the mean
_SEARCHES = (
    (tuple(0.0015 * step for step in range(-7, 8)), 1.0, 2500.0),
    (tuple(0.00025 * step for step in range(-6, 7)), _EMPHASIS, _HIGH_HZ),
    (tuple(0.00005 * step for step in range(-4, 5)), _EMPHASIS, _HIGH_HZ),
)
"""Ever finer searches around the fingerprint's speed: relative speed steps, emphasis, highest frequency."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Similarity of two recordings."""

    coherence: float
    """Correlation of their samples over the pieces compared, 0..1."""
    shared_s: float
    """Seconds that they share."""
    unshared_s: float
    """Seconds with sound that only one of them has, of the one that has more."""


def likeness(new_T: Wave, old_T: Wave, shift_frames: int, speed: float, enough: float) -> Likeness:
    """Compare two recordings at 16 kHz.

    Args:
        new_T: the new recording.
        old_T: the old recording.
        shift_frames: where the old recording begins in the new one, in frames of the fingerprint.
        speed: of the new recording relative to the old one.
        enough: if the loudest piece is less coherent than this, the rest is skipped, since the recordings differ.
    """
    same_T = _at_speed(new_T, speed)
    shift = shift_frames * HOP
    first, last = max(0, -shift), min(len(old_T), len(same_T) - shift)
    if last - first < _SHORTEST_S * RATE_HZ:
        return Likeness(0.0, 0.0, 0.0)
    total = weight = 0.0
    for start, end, energy in _pieces(old_T, first, last):
        coherence = _coherence(old_T[start:end], same_T, start + shift)
        if not weight and coherence < enough:
            return Likeness(coherence, 0.0, 0.0)
        # Weighted by amplitude, so that one loud word does not decide about the whole recording.
        total, weight = total + math.sqrt(energy) * coherence, weight + math.sqrt(energy)
    unshared_s = max(_unshared_s(old_T, first, last), _unshared_s(same_T, first + shift, last + shift))
    return Likeness(total / max(weight, 1e-12), (last - first) / RATE_HZ, unshared_s)


def overlap(new_T: Wave, old_T: Wave, shift_frames: int, speed: float) -> tuple[float, float]:
    """Seconds that two recordings share if they are copies, and seconds with sound that only one of them then has.

    The values are those of `likeness`, but without comparing samples, at a tenth of the cost.
    """
    same_T = _at_speed(new_T, speed)
    shift = shift_frames * HOP
    first, last = max(0, -shift), min(len(old_T), len(same_T) - shift)
    if last - first < _SHORTEST_S * RATE_HZ:
        return 0.0, 0.0
    unshared_s = max(_unshared_s(old_T, first, last), _unshared_s(same_T, first + shift, last + shift))
    return (last - first) / RATE_HZ, unshared_s


def exact_speed(new_T: Wave, old_T: Wave, shift_frames: int, speed: float) -> float:
    """The speed near a given one at which the loudest piece of the old recording is most like the new one."""
    shift = shift_frames * HOP
    first, last = max(0, -shift), min(len(old_T), int(len(new_T) / speed) - shift)
    if last - first < _SHORTEST_S * RATE_HZ:
        return speed
    start, end, _ = _pieces(old_T, first, last, slices=1)[0]
    # The old piece is played at the inverse speed: it is short, and one FFT of the new one serves all.
    around_T = _around(new_T, round((start + shift) * speed), round((end - start) * speed * 1.02))
    padded = 1 << (len(around_T) - 1).bit_length()
    around_K = np.fft.rfft(around_T, padded)
    for steps, power, high_hz in _SEARCHES:
        weight_K = _weight(padded, power, high_hz)
        found = []
        for each in (speed * (1 + step) for step in steps):
            piece_K = np.fft.rfft(_at_speed(old_T[start:end], 1 / each), padded) * weight_K
            energy = float(np.vdot(piece_K, piece_K).real)
            correlation_L = np.fft.irfft(around_K * weight_K * np.conj(piece_K), padded)
            found.append((float(np.abs(correlation_L[: 2 * _LAG]).max()) / math.sqrt(max(energy, 1e-20)), each))
        speed = max(found)[1]
    return speed


def _unshared_s(wave_T: Wave, first: int, last: int) -> float:
    """Seconds outside a part that are nearly as loud as the part."""
    threshold = _NEARLY_AS_LOUD * float(wave_T[first:last].var())
    outside = 0
    for rest_T in (wave_T[:first], wave_T[last:]):
        frames = len(rest_T) // _FRAME
        # Without each frame's own offset: silence added to a recording with an offset is a step, not sound.
        power_F = rest_T[: frames * _FRAME].reshape(frames, _FRAME).var(axis=1)
        outside += int(np.count_nonzero(power_F > threshold))
    return outside * _FRAME / RATE_HZ


def _pieces(old_T: Wave, first: int, last: int, slices: int | None = None) -> list[tuple[int, int, float]]:
    """Start, end and energy of the pieces to compare, spread over the whole, the loudest first."""
    # The shift is known to 24 ms only: away from the ends a piece surely lies in both recordings.
    margin = min(_LAG, (last - first) // 6)
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
    around_T = _around(wave_T, start, len(piece_T))
    # Padded to the length of the surrounding wave: the correlation wraps around only at unused lags.
    padded = 1 << (len(around_T) - 1).bit_length()
    weight_K = _weight(padded, _EMPHASIS, _HIGH_HZ)
    piece_K = np.fft.rfft(piece_T, padded) * weight_K
    around_K = np.fft.rfft(around_T, padded) * weight_K
    piece_energy = float(np.vdot(piece_K, piece_K).real) * 2 / padded
    if piece_energy <= 0.0 or not around_T.any():
        return 0.0
    correlation_L = np.abs(np.fft.irfft(around_K * np.conj(piece_K), padded)[: 2 * _LAG + 1])
    filtered_T = np.fft.irfft(around_K, padded)
    sums = np.concatenate([[0.0], np.cumsum(np.square(filtered_T[: len(around_T)]), dtype=np.float64)])
    energy_L = sums[len(piece_T) : len(piece_T) + 2 * _LAG + 1] - sums[: 2 * _LAG + 1]
    return float((correlation_L / np.sqrt(np.maximum(energy_L, 0.1 * energy_L.max()) * piece_energy)).max())


def _around(wave_T: Wave, start: int, length: int) -> Wave:
    """A stretch of a wave with the lags before and after it; zeros beyond the wave's ends."""
    around_T = np.zeros(length + 2 * _LAG, np.float32)
    low, high = max(0, start - _LAG), min(len(wave_T), start + length + _LAG)
    if high > low:
        around_T[low - start + _LAG : high - start + _LAG] = wave_T[low:high]
    return around_T


@functools.lru_cache(maxsize=32)
def _weight(padded: int, emphasis: float, high_hz: float) -> npt.NDArray[np.float32]:
    """Pre-emphasis of `emphasis` times 6 dB per octave inside the band, zero outside."""
    frequency_K = np.fft.rfftfreq(padded, 1 / RATE_HZ)
    inside_K = (frequency_K >= _LOW_HZ) & (frequency_K <= high_hz)
    return np.where(inside_K, (frequency_K / 1000.0) ** emphasis, 0.0).astype(np.float32)


def _at_speed(wave_T: Wave, speed: float) -> Wave:
    """A wave played faster, by cubic interpolation: linear interpolation would dampen the frequencies to be compared.

    Source: Catmull and Rom, A class of local interpolating splines, 1974.
    """
    if speed == 1.0 or len(wave_T) < 4:
        return wave_T
    place_T = np.arange(int((len(wave_T) - 1) / speed), dtype=np.float64) * speed
    at_T = place_T.astype(np.int64)
    x = (place_T - at_T).astype(np.float32)
    padded_T = np.concatenate([wave_T[:1], wave_T, wave_T[-1:], wave_T[-1:]])
    before, here, after, beyond = (padded_T[at_T + step] for step in range(4))
    slope, end_slope = (after - before) * np.float32(0.5), (beyond - here) * np.float32(0.5)
    change = after - here
    faster: Wave = here + x * (slope + x * (3 * change - 2 * slope - end_slope + x * (slope + end_slope - 2 * change)))
    return faster
