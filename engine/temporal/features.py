"""What the audio says at each frame of an encoder: speech, a change of the speaker, local signal-to-noise ratio.

Pure functions of NumPy arrays. Every feature lies in 0..1 and depends on its own recording alone, so it is the same in
every batch.

Legend: T samples at 16 kHz, W windows of the speech detector (32 ms), S frames of the encoder, M mel bands, K cepstral
coefficients.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave
from engine.config.methods.temporal import FEATURES
from engine.segments.speech_activity import WINDOW_SAMPLES, Probabilities

Track = npt.NDArray[np.float32]
"""A value for each frame."""

SPOKEN: Final = 0.5
"""Frames with at least this probability of speech count as speech."""
SNR_LIMITS_DB: Final = (-10.0, 40.0)
"""Local signal-to-noise ratios that the feature's 0 and 1 stand for."""
_NOISE_S: Final = 1.5  # noise is measured this far before and after a frame
_LEAST_NOISE_S: Final = 0.1
_QUIET_PERCENTILE: Final = 10.0
_POWER_FLOOR: Final = 1e-10  # -100 dB of full scale
_SIDE_S: Final = 1.0  # voices are compared over this much audio before and after a frame
_LEAST_SIDE_S: Final = 0.3  # speech on each side from which the comparison counts in full
_FFT: Final = 512
_BANDS: Final = 24
_CEPSTRA: Final = 12


def frame_features(wave_T: Wave, prob_W: Probabilities, hop_samples: int) -> Track:
    """Features of each frame of a recording, in the order of `FEATURES`.

    Args:
        wave_T: samples at 16 kHz.
        prob_W: probability of speech in each window of 32 ms.
        hop_samples: samples between frames.

    Returns:
        float32 phi_SF with S = T / hop_samples, rounded up.
    """
    speech_S = speech_at_frames(prob_W, frame_count(len(wave_T), hop_samples), hop_samples)
    tracks = {
        "speech": speech_S,
        "speaker_change": speaker_change(wave_T, speech_S, hop_samples),
        "snr": local_snr(wave_T, speech_S, hop_samples),
    }
    return np.stack([tracks[name] for name in FEATURES], axis=1)


def frame_count(samples: int, hop_samples: int) -> int:
    """Number of frames that a recording touches."""
    return -(-samples // hop_samples)


def speech_at_frames(prob_W: Probabilities, frames: int, hop_samples: int) -> Track:
    """Probability of speech at the middle of each frame, interpolated between windows."""
    if not len(prob_W):
        return np.zeros(frames, np.float32)
    middles_S = (np.arange(frames) + 0.5) * hop_samples
    windows_W = (np.arange(len(prob_W)) + 0.5) * WINDOW_SAMPLES
    return np.asarray(np.interp(middles_S, windows_W, prob_W), np.float32)


def local_snr_db(wave_T: Wave, speech_S: Track, hop_samples: int) -> Track:
    """Ratio of a frame's power without noise to that of the noise around it, in dB, between -10 and 40.

    Noise is the mean power of the frames within 1.5 s that are not speech. If they last less than 0.1 s, it is the tenth
    percentile of the power of all frames within 1.5 s.
    """
    power_S = _power(wave_T, len(speech_S), hop_samples)
    reach = round(_NOISE_S * RATE_HZ / hop_samples)
    is_quiet_S = (speech_S < SPOKEN).astype(np.float64)
    quiet_S = _sums(is_quiet_S, reach, reach + 1)
    noise_S = _sums(is_quiet_S * power_S, reach, reach + 1) / np.maximum(quiet_S, 1e-9)
    for place in np.flatnonzero(quiet_S * hop_samples < _LEAST_NOISE_S * RATE_HZ):
        noise_S[place] = np.percentile(power_S[max(0, place - reach) : place + reach + 1], _QUIET_PERCENTILE)
    noise_S = np.maximum(noise_S, _POWER_FLOOR)
    signal_S = np.maximum(power_S - noise_S, 1e-3 * power_S)
    ratio_S = 10 * np.log10(np.maximum(signal_S, 1e-6 * _POWER_FLOOR) / noise_S)
    return np.asarray(np.clip(ratio_S, *SNR_LIMITS_DB), np.float32)


def local_snr(wave_T: Wave, speech_S: Track, hop_samples: int) -> Track:
    """`local_snr_db` on a scale from 0 to 1."""
    least, most = SNR_LIMITS_DB
    return ((local_snr_db(wave_T, speech_S, hop_samples) - least) / (most - least)).astype(np.float32)


def speaker_change(wave_T: Wave, speech_S: Track, hop_samples: int) -> Track:
    """How much the voice in the second before a frame differs from that in the second after it, from 0 to below 1.

    The distance d2 between the mean cepstra of both sides, relative to the variance within them and averaged over
    coefficients, becomes d2 / (1 + d2). Frames count by their probability of speech; a side with less than 0.3 s of
    speech lowers the score in proportion, to 0 without speech. The first coefficient, which is the level, is left out.

    Source: Fisher's ratio as a measure for the segmentation of speakers; compare Siegler et al. 1997 (KL2) and Chen and
    Gopalakrishnan 1998 (BIC), which add the difference of covariances.
    """
    cepstra_SK = _cepstra(wave_T, len(speech_S), hop_samples)
    weight_S = np.where(speech_S >= SPOKEN, speech_S, 0.0).astype(np.float64)
    reach = round(_SIDE_S * RATE_HZ / hop_samples)
    sides = ((reach, 0), (0, reach))
    counts = [_sums(weight_S, *side) for side in sides]
    means, variances = [], []
    for side, count_S in zip(sides, counts, strict=True):
        amount_S1 = np.maximum(count_S, 1e-9)[:, None]
        mean_SK = _sums(weight_S[:, None] * cepstra_SK, *side) / amount_S1
        square_SK = _sums(weight_S[:, None] * np.square(cepstra_SK), *side) / amount_S1
        means.append(mean_SK)
        variances.append(np.maximum(square_SK - np.square(mean_SK), 0.0))
    within_SK = (variances[0] + variances[1]) / 2 + 1e-3
    distance_S = (np.square(means[0] - means[1]) / within_SK).mean(axis=1)
    enough = _LEAST_SIDE_S * RATE_HZ / hop_samples
    trust_S = np.minimum(1.0, counts[0] / enough) * np.minimum(1.0, counts[1] / enough)
    return np.asarray(trust_S * distance_S / (1.0 + distance_S), np.float32)


def _sums(values_S: npt.NDArray[np.float64], before: int, after: int) -> npt.NDArray[np.float64]:
    """Sum over the frames from `before` frames before each frame up to, and without, `after` frames after it."""
    frames = len(values_S)
    total = np.concatenate([np.zeros_like(values_S[:1]), np.cumsum(values_S, axis=0)])
    places = np.arange(frames)
    summed: npt.NDArray[np.float64] = total[np.minimum(places + after, frames)] - total[np.maximum(places - before, 0)]
    return summed


def _framed(wave_T: Wave, frames: int, hop_samples: int, length: int) -> npt.NDArray[np.float64]:
    """Stretches of `length` samples from the start of each frame; silence follows the end."""
    padded_T = np.zeros(max(len(wave_T), frames * hop_samples) + length, np.float64)
    padded_T[: len(wave_T)] = wave_T.astype(np.float64) - (wave_T.mean() if len(wave_T) else 0.0)
    return np.lib.stride_tricks.sliding_window_view(padded_T, length)[::hop_samples][:frames]


def _power(wave_T: Wave, frames: int, hop_samples: int) -> npt.NDArray[np.float64]:
    """Mean power of each frame; of a last one that the recording does not fill, of the part that it does."""
    squares_SH = np.square(_framed(wave_T, frames, hop_samples, hop_samples))
    filled_S = np.clip(len(wave_T) - np.arange(frames) * hop_samples, 1, hop_samples)
    power_S: npt.NDArray[np.float64] = squares_SH.sum(axis=1) / filled_S
    return power_S


def _cepstra(wave_T: Wave, frames: int, hop_samples: int) -> npt.NDArray[np.float64]:
    """Cepstral coefficients 1 to 12 of each frame."""
    stretches = _framed(wave_T, frames, hop_samples, _FFT) * np.hanning(_FFT)
    power = np.square(np.abs(np.fft.rfft(stretches, axis=1)))
    filters, cosines = _tables()
    cepstra_SK: npt.NDArray[np.float64] = np.log(power @ filters + _POWER_FLOOR * _FFT) @ cosines
    return cepstra_SK


@functools.cache
def _tables() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Triangular filters on the mel scale from 100 to 7,000 Hz, and the cosine transform of their logarithms."""
    edges = 700 * (np.power(10, np.linspace(_mel(100.0), _mel(7000.0), _BANDS + 2) / 2595) - 1)
    bins = np.arange(_FFT // 2 + 1) * RATE_HZ / _FFT
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    bands, order = np.arange(_BANDS)[:, None], np.arange(1, _CEPSTRA + 1)
    return filters, np.cos(np.pi * order * (bands + 0.5) / _BANDS)


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))
