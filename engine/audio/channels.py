"""Mix several channels to one: their mean, unless that loses speech.

Two channels of opposite phase cancel each other, possibly in only a part of the recording; the mix is then the loudest
channel that is not noise. A channel with hum or hiss drowns the speech of another; the mix is then the mean of the
other channels.

Legend: T samples over time, C channels, F frames of 40 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.audio.doubts import AudioDoubt

_FRAME_S = 0.04  # two periods of mains hum
_GROUP = 5  # frames: over 0.2 s, uncorrelated channels seldom cancel by chance
_CANCELLED = 0.5  # power of the mean, relative to that of uncorrelated channels
_CANCELLED_SHARE = 0.1  # of the power of the recording
_AUDIBLE = 1e-4  # power of a frame, relative to the loudest one
_STEADY_DB = 6.0  # range of a hum or a hiss
_LIVELY_DB = 15.0  # range of speech
_DROWNING_DB = 20.0  # from the speech of one channel down to the noise of another


@dataclass(frozen=True, slots=True)
class Mix:
    """How to mix channels to one."""

    channels: tuple[int, ...] | None = None
    """Channels to average; None for all."""
    doubts: tuple[AudioDoubt, ...] = ()

    def mono(self, block_TC: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Mix a block to mono: wave_T."""
        kept_TC = block_TC if self.channels is None else block_TC[:, list(self.channels)]
        if kept_TC.shape[1] == 1:
            return np.ascontiguousarray(kept_TC[:, 0])
        mean_T: npt.NDArray[np.float32] = kept_TC.mean(axis=1, dtype=np.float32)
        return mean_T


class ChannelLevels:
    """Measures the blocks of a recording to choose its mix."""

    def __init__(self, rate_hz: int) -> None:
        self._frame = max(1, round(_FRAME_S * rate_hz))
        self._power_FC: list[npt.NDArray[np.float64]] = []
        self._mean_F: list[npt.NDArray[np.float64]] = []

    def add(self, block_TC: npt.NDArray[np.float32]) -> None:
        """Measure a block; a partial frame at its end is ignored, unless it is the whole block."""
        frame = min(self._frame, len(block_TC))
        frames = len(block_TC) // frame if frame else 0
        if not frames:
            return
        block_FTC = block_TC[: frames * frame].astype(np.float64).reshape(frames, frame, -1)
        self._power_FC.append(block_FTC.var(axis=1))
        self._mean_F.append(block_FTC.mean(axis=2).var(axis=1))

    def choose(self) -> Mix:
        """The mix for the measured blocks."""
        if not self._power_FC:
            return Mix()
        power_FC, mean_F = np.concatenate(self._power_FC), np.concatenate(self._mean_F)
        voices, noises = _noises(power_FC)
        level_C = power_FC.sum(axis=0)
        if _cancels(power_FC, mean_F):
            best = max(voices, key=lambda c: float(level_C[c]))
            reason = (
                f"its {power_FC.shape[1]} channels cancel each other when they are mixed, as with a reversed cable; channel "
                f"{best + 1} alone was taken"
            )
            return Mix((best,), (AudioDoubt("cancelling_channels", reason),))
        if noises:
            shown = ", ".join(str(c + 1) for c in noises)
            reason = (
                f"channel {shown} of its {power_FC.shape[1]} is a steady noise that drowns the others; it was left out"
            )
            return Mix(tuple(voices), (AudioDoubt("noise_channel", reason),))
        return Mix()


def _cancels(power_FC: npt.NDArray[np.float64], mean_F: npt.NDArray[np.float64]) -> bool:
    """Whether the mean has much less power than the mean of uncorrelated channels would have."""
    groups = range(0, len(mean_F), _GROUP)
    unrelated_G = np.add.reduceat(power_FC.sum(axis=1), groups) / power_FC.shape[1] ** 2
    mean_G = np.add.reduceat(mean_F, groups)
    audible_G = unrelated_G > _AUDIBLE * unrelated_G.max()
    cancelled_G = audible_G & (mean_G < _CANCELLED * unrelated_G)
    return bool(unrelated_G[cancelled_G].sum() > _CANCELLED_SHARE * unrelated_G[audible_G].sum())


def _noises(power_FC: npt.NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Channels to keep, and channels with steady noise loud enough to drown the speech of another channel."""
    level_FC = 10 * np.log10(power_FC + 1e-12)
    low_C, high_C = np.quantile(level_FC, (0.1, 0.99), axis=0)
    range_C = high_C - low_C
    channels = list(range(power_FC.shape[1]))
    speech = [c for c in channels if range_C[c] >= _LIVELY_DB]
    if not speech:
        return channels, []
    loudest = max(high_C[c] for c in speech)
    noises = [c for c in channels if range_C[c] < _STEADY_DB and high_C[c] > loudest - _DROWNING_DB]
    return [c for c in channels if c not in noises], noises
