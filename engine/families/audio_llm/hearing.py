"""What an audio encoder hears of a recording: Whisper's features, in whole windows.

Legend: T samples, W windows, M mel bands, F frames of 10 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.audio.augmentation import augment_mel, augment_wave
from engine.audio.features import HOP_SAMPLES, RATE_HZ, log_mel, stack_padded
from engine.audio.reading import Wave, read_audio
from engine.config.augmentation import AugmentationConfig
from engine.data.example import AudioInput

_LEAST_FRAMES = 7
"""Frames of the shortest recording, with silence after it: two positions of Qwen2-Audio's decoder, since transformers
takes a single one for a placeholder that is not expanded."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How an encoder hears."""

    mel_bands: int
    window_frames: int
    most_windows: int | None

    @property
    def window_s(self) -> float:
        """Seconds of a window."""
        return self.window_frames * HOP_SAMPLES / RATE_HZ

    def windows(self, duration_s: float) -> int:
        """Windows that audio of this length is padded to."""
        windows = max(1, math.ceil(round(duration_s / self.window_s, 6)))
        return windows if self.most_windows is None else min(windows, self.most_windows)

    def frames(self, samples: int) -> int:
        """Frames that hold audio of so many samples."""
        most = math.inf if self.most_windows is None else self.most_windows * self.window_frames
        return int(min(most, max(_LEAST_FRAMES, math.ceil(samples / HOP_SAMPLES))))


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording as an encoder hears it."""

    mel_WMF: torch.Tensor
    frames: int
    """Frames that hold audio, over all windows."""


def hear(
    folder: Path,
    audio: AudioInput,
    hearing: Hearing,
    changes: AugmentationConfig | None = None,
    generator: np.random.Generator | None = None,
) -> Heard:
    """Read a recording and compute its features.

    Args:
        folder: of the dataset version.
        audio: to read.
        hearing: how the encoder hears.
        changes: random changes to the audio and the features of it; None: none.
        generator: draws them.

    Raises:
        AudioError: a file cannot be read, or lacks the stretch.

    Source: `WhisperFeatureExtractor` in transformers; over several windows, the loudest value is that of the whole
    recording, as in `VoxtralProcessor`.
    """
    waves = [read_audio(folder / p.audio, RATE_HZ, p.start_s, p.duration_s) for p in audio.stretches()]
    wave_T: Wave = waves[0] if len(waves) == 1 else np.concatenate(waves)
    if changes is not None and generator is not None:
        wave_T = augment_wave(wave_T, RATE_HZ, changes, generator)
    windows, frames = hearing.windows(len(wave_T) / RATE_HZ), hearing.frames(len(wave_T))
    padded_1T = stack_padded([wave_T], windows * hearing.window_frames * HOP_SAMPLES)
    mel_MF = log_mel(padded_1T, hearing.mel_bands)[0]
    if changes is not None and generator is not None:
        mel_MF[:, :frames] = torch.from_numpy(augment_mel(mel_MF[:, :frames].numpy(), changes, generator))
    mel_WMF = mel_MF.view(hearing.mel_bands, windows, hearing.window_frames).transpose(0, 1)
    return Heard(mel_WMF.contiguous(), frames)
