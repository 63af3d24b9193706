"""Levels of a recording, and where it has sound: in frames of 10 ms, by level alone.

Legend: T samples over time, F frames of 10 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FRAME_S = 0.01
_LOUDEST_S = 0.02
_FLOOR_DB = -120.0
_DEEPEST_DB = 60.0  # frames further below the loudest ones count as silence
_OVER_NOISE = 0.35  # of the way from the quiet frames to the loud ones
_LEAST_OVER_NOISE_DB = 6.0
_WORD_FRAMES = 10  # 0.1 s
_CLOSURE_FRAMES = 15  # a stop consonant is silent for up to 150 ms, and part of its word
_TELLABLE_DB = 10.0  # with a smaller range, pauses cannot be told from speech


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of one recording, relative to full scale (RMS 1.0)."""

    peak_dbfs: float
    """Highest sample."""
    speech_dbfs: float
    """Mean power where there is sound."""
    noise_dbfs: float
    """The quietest tenth of the frames."""
    snr_db: float
    """Speech over noise; in a recording without a pause, over its quietest sound."""
    sound_s: float
    """Seconds with sound, short closures within words included."""
    range_db: float
    """From the quietest tenth of the frames to the loudest 30 ms."""
    crisp_range_db: float
    """The same after pre-emphasis."""
    pauses_known: bool
    """Whether the level tells pauses from speech; steady noise hides them."""


def loudest_dbfs(wave_T: npt.NDArray[np.float32], rate_hz: int) -> float:
    """Level of the loudest 20 ms, in dB relative to full scale (RMS 1.0), without any constant offset."""
    frame = round(_LOUDEST_S * rate_hz)
    power_T = np.square(wave_T - wave_T.mean(dtype=np.float64))
    sums = np.add.reduceat(power_T, np.arange(0, len(power_T), frame))
    return float(10 * np.log10(sums.max() / frame + 1e-20))


def measure_levels(wave_T: npt.NDArray[np.float32], rate_hz: int) -> Levels:
    """Levels of a recording of at least one frame; a constant offset does not count."""
    centred_T = wave_T - wave_T.mean(dtype=np.float64).astype(np.float32)
    level_F = _frame_levels(centred_T, rate_hz)
    # Pre-emphasis, so that rumble, whose level varies, counts as steady noise.
    crisp_F = _frame_levels(np.diff(centred_T, prepend=centred_T[:1]), rate_hz)
    ordered_F = np.sort(level_F)
    # A word may be a hundredth of its recording, so a word's number of frames defines "loud", not a share of all.
    loud = float(ordered_F[-min(_WORD_FRAMES, 1 + len(level_F) // 20)])
    quiet = max(float(ordered_F[len(level_F) // 20]), loud - _DEEPEST_DB)
    pauses_known = loud - quiet >= _TELLABLE_DB
    threshold = quiet + max(_LEAST_OVER_NOISE_DB, _OVER_NOISE * (loud - quiet)) if pauses_known else -np.inf
    sounding_F = _closed(level_F > threshold)
    power_F = 10 ** (level_F / 10)
    speech_dbfs = _db(float(power_F[sounding_F].mean()) if sounding_F.any() else 0.0)
    noise_dbfs = float(ordered_F[len(level_F) // 10])
    return Levels(
        peak_dbfs=_db(float(np.abs(wave_T).max()) ** 2),
        speech_dbfs=speech_dbfs,
        noise_dbfs=noise_dbfs,
        snr_db=speech_dbfs - noise_dbfs,
        sound_s=float(sounding_F.sum()) * FRAME_S,
        range_db=_range_db(level_F),
        crisp_range_db=_range_db(crisp_F),
        pauses_known=pauses_known,
    )


def _frame_levels(wave_T: npt.NDArray[np.float32], rate_hz: int) -> npt.NDArray[np.float32]:
    frame = round(FRAME_S * rate_hz)
    frames = max(1, len(wave_T) // frame)
    power_F = np.square(wave_T[: frames * frame]).reshape(frames, -1).mean(axis=1)
    level_F: npt.NDArray[np.float32] = 10 * np.log10(power_F + np.float32(10 ** (_FLOOR_DB / 10)))
    return level_F


def _range_db(level_F: npt.NDArray[np.float32]) -> float:
    if len(level_F) < 3:
        return float(np.ptp(level_F))
    return float(
        (level_F[:-2] + level_F[1:-1] + level_F[2:]).max() / 3
        - np.partition(level_F, len(level_F) // 10)[len(level_F) // 10]
    )


def _closed(sounding_F: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Fill short gaps between sounds."""
    places = np.flatnonzero(sounding_F)
    gaps = np.diff(places)
    closed_F = sounding_F.copy()
    for at in np.flatnonzero((gaps > 1) & (gaps <= _CLOSURE_FRAMES)).tolist():
        closed_F[places[at] : places[at + 1]] = True
    return closed_F


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, 10 ** (_FLOOR_DB / 10))))
