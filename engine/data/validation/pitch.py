"""The pitch of a voice, by the autocorrelation of its loudest stretches.

Legend: T samples over time, F frames, L lags.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

_RATE_HZ = 16_000
_FRAME = 1024  # 64 ms: four periods of the deepest voice
_FRAMES = 6
_LOWEST_HZ, _HIGHEST_HZ = 55.0, 800.0  # a child's voice at twice its speed is near the upper end
_VOICED = 0.5  # of the energy repeats after a period


def median_pitch_hz(wave_T: npt.NDArray[np.float32]) -> float:
    """Median pitch of the loudest half second at 16 kHz, in Hz; 0 if there is no voice.

    Source: Boersma, Accurate short-term analysis of the fundamental frequency, IFA 1993, section 2 (the window's own
    autocorrelation is divided out).
    """
    frames = len(wave_T) // (_FRAME // 2) - 1
    if frames < 1:
        return 0.0
    strided = np.lib.stride_tricks.sliding_window_view(wave_T, _FRAME)[:: _FRAME // 2][:frames]
    power_F = np.einsum("ft,ft->f", strided, strided)
    loudest = strided[np.argsort(-power_F)[:_FRAMES]]
    window_T, own_L = _window()
    shortest, longest = int(_RATE_HZ / _HIGHEST_HZ), int(_RATE_HZ / _LOWEST_HZ)
    correlation_FL = _autocorrelation((loudest - loudest.mean(axis=1, keepdims=True)) * window_T)[:, : longest + 1]
    normal_FL = correlation_FL / np.maximum(correlation_FL[:, :1], 1e-12) * (own_L[0] / own_L[: longest + 1])
    searched_FL = normal_FL[:, shortest:]
    best_F = searched_FL.max(axis=1)
    # The shortest lag that is nearly as good as the best: multiples of a period are as good as the period.
    lag_F = (searched_FL > 0.9 * best_F[:, None]).argmax(axis=1)
    for place, lag in enumerate(lag_F.tolist()):
        while lag + 1 < searched_FL.shape[1] and searched_FL[place, lag + 1] > searched_FL[place, lag]:
            lag += 1
        lag_F[place] = lag
    voiced_F = best_F > _VOICED
    return float(_RATE_HZ / np.median(lag_F[voiced_F] + shortest)) if voiced_F.any() else 0.0


@functools.cache
def _window() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The window, and its own autocorrelation."""
    window_T = np.hanning(_FRAME).astype(np.float32)
    return window_T, _autocorrelation(window_T[None])[0]


def _autocorrelation(frames_FT: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    spectrum = np.fft.rfft(frames_FT, 2 * _FRAME, axis=1)
    return np.fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=1).astype(np.float32)
