"""Change the tempo and pitch of audio: play faster or slower, or stretch in time.

Legend: T samples over time, K frequency bins.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float32]

MARGIN = 64
"""Zero samples appended to a wave before an FFT, so that its end does not ring into its beginning."""

_STRETCH_HOP_S = 0.03
_STRETCH_SEARCH_S = 0.008  # about the pitch period of a low voice
_STRETCH_STRIDE = 4  # only every fourth sample is compared


def change_speed(wave_T: Wave, factor: float) -> Wave:
    """Play `factor` times faster: tempo, pitch and formants move together. Band-limited, through one FFT.

    The factor is accurate to 0.5 %, so that the FFTs can have fast lengths.

    Returns:
        A wave of about T / factor samples.
    """
    padded, new_padded = _speed_lengths(len(wave_T) + MARGIN, factor)
    ratio = new_padded / padded
    # Drop the highest frequency: its single bin would ring through the whole wave.
    spectrum_K = np.fft.rfft(wave_T, padded)[: new_padded // 2]
    changed_T = np.fft.irfft(spectrum_K, new_padded)[: max(1, round(len(wave_T) * ratio))]
    return (changed_T * np.float32(ratio)).astype(np.float32, copy=False)


def _speed_lengths(least: int, factor: float) -> tuple[int, int]:
    """Two fast FFT lengths, the first at least `least`, whose ratio is close to the factor."""
    lengths = _fast_lengths()
    first = int(np.searchsorted(lengths, least))
    if first + 6 >= len(lengths) or least / factor * 1.2 > lengths[-1]:
        return least, max(2, round(least / factor))
    before = lengths[first : first + 6]
    wanted = before / factor
    upper = np.searchsorted(lengths, wanted)
    after = np.concatenate([lengths[upper], lengths[np.maximum(upper - 1, 0)]])
    best = int(np.abs(after / np.tile(wanted, 2) - 1).argmin())
    return int(before[best % 6]), int(after[best])


def stretch(wave_T: Wave, rate_hz: int, factor: float) -> Wave:
    """Make a wave `factor` times longer and keep its pitch.

    Source: WSOLA (Verhelst and Roelands 1993): frames overlap at a constant hop, and each is taken from the place that
    best continues the previous one.

    Returns:
        A wave of round(T * factor) samples.
    """
    hop = round(_STRETCH_HOP_S * rate_hz)
    search = round(_STRETCH_SEARCH_S * rate_hz)
    stride = _STRETCH_STRIDE
    target = max(1, round(len(wave_T) * factor))
    frames = target // hop + 2
    fade_T, rise_T = _cross_fade(hop)
    source_T = np.pad(wave_T, (search, search + 3 * hop + math.ceil(frames * hop / factor) - len(wave_T) + hop))
    stretched_T = np.empty(frames * hop, dtype=np.float32)
    place = search
    for frame in range(frames):
        continuing_T = source_T[place + hop : place + 2 * hop]
        wanted = search + round((frame + 1) * hop / factor)
        # Search around `wanted` for the next frame, so that its beginning best matches the continuation of this one.
        field_T = source_T[wanted - search : wanted + search + hop]
        likeness = np.correlate(field_T[::stride], continuing_T[::stride])
        found = wanted - search + stride * int(likeness.argmax())
        stretched_T[frame * hop : (frame + 1) * hop] = fade_T * continuing_T + rise_T * source_T[found : found + hop]
        place = found
    # `stretched_T` starts one hop into the result.
    return np.concatenate([source_T[search : search + hop], stretched_T])[:target]


def fast_length(least: int) -> int:
    """The smallest even length of at least `least` without a prime factor above 7: FFTs of such lengths are fast."""
    lengths = _fast_lengths()
    index = int(np.searchsorted(lengths, least))
    return int(lengths[index]) if index < len(lengths) else least + least % 2


@functools.cache
def _fast_lengths() -> npt.NDArray[np.int64]:
    most = 1 << 23
    lengths = np.array([1], dtype=np.int64)
    for prime in (2, 3, 5, 7):
        powers = prime ** np.arange(int(math.log(most, prime)) + 1)
        lengths = np.unique(np.multiply.outer(lengths, powers))
        lengths = lengths[lengths <= most // 2]
    return 2 * lengths


@functools.lru_cache(maxsize=16)
def _cross_fade(samples: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rise_T = (0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / samples)).astype(np.float32)
    return 1 - rise_T, rise_T
