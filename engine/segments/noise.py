"""Estimate the signal-to-noise ratio of speech."""

from __future__ import annotations

import numpy as np

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave
from engine.segments.segment import Span

FRAME_SAMPLES = RATE_HZ // 50
LIMITS_DB = (-10.0, 60.0)

_LEAST_NOISE_FRAMES = 5
_QUIET_PERCENTILE = 10.0
_EDGE_S = 0.1  # around speech: neither clearly speech nor clearly noise


def snr_db(wave_T: Wave, spans: list[Span]) -> float:
    """Ratio of the power of speech to that of noise, in dB, between -10 and 60.

    Audio at least 0.1 s away from speech counts as noise. If there is less than 0.1 s of it, the tenth percentile of
    the power of all 20 ms frames is used instead, which is too low for steady noise and too high without noise, but
    good enough for strata.

    Args:
        wave_T: samples at 16 kHz.
        spans: spans of speech, in seconds from the start of the wave; if empty, everything counts as speech.
    """
    frames = len(wave_T) // FRAME_SAMPLES
    if not frames:
        return LIMITS_DB[0]
    centred_T = wave_T[: frames * FRAME_SAMPLES].astype(np.float64)
    centred_T -= centred_T.mean()
    power_F = np.square(centred_T.reshape(frames, FRAME_SAMPLES)).mean(axis=1)
    middle_s_F = (np.arange(frames) + 0.5) * FRAME_SAMPLES / RATE_HZ
    is_speech_F = np.zeros(frames, dtype=bool)
    is_near_F = np.zeros(frames, dtype=bool)
    for span in spans:
        is_speech_F |= (middle_s_F >= span.start_s) & (middle_s_F < span.end_s)
        is_near_F |= (middle_s_F >= span.start_s - _EDGE_S) & (middle_s_F < span.end_s + _EDGE_S)
    if not is_speech_F.any():
        is_speech_F[:] = is_near_F[:] = True
    noise_F = power_F[~is_near_F]
    noise = float(noise_F.mean() if len(noise_F) >= _LEAST_NOISE_FRAMES else np.percentile(power_F, _QUIET_PERCENTILE))
    heard = float(power_F[is_speech_F].mean())
    speech = max(heard - noise, heard * 1e-3)  # heard is speech and noise together
    return float(np.clip(10 * np.log10((speech + 1e-14) / (noise + 1e-14)), *LIMITS_DB))
