"""Log-mel features as CLAP defines them, and the part of a recording that it hears.

Legend: B recordings, T samples, K frequency bins, M mel bands, F frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.audio.reading import Wave, read_audio
from engine.data.example import AudioInput, Piece

_LOWEST_POWER = 1e-10  # -100 dB


@dataclass(frozen=True, slots=True)
class Features:
    """Settings of a `ClapFeatureExtractor` without feature fusion (`rand_trunc`)."""

    rate_hz: int
    window_samples: int
    """Length of the model's input: longer recordings are cropped, shorter ones repeated or padded."""
    fft_samples: int
    hop_samples: int
    padding: str
    """What fills the window after a shorter recording: `repeatpad` (whole repetitions, then silence), `repeat` or `pad`."""
    filters_KM: torch.Tensor

    @classmethod
    def of(cls, extractor: Any) -> Features:
        """The settings of a `ClapFeatureExtractor`."""
        return cls(
            rate_hz=extractor.sampling_rate,
            window_samples=extractor.nb_max_samples,
            fft_samples=extractor.fft_window_size,
            hop_samples=extractor.hop_length,
            padding=extractor.padding,
            filters_KM=torch.from_numpy(np.asarray(extractor.mel_filters_slaney, dtype=np.float32)),
        )

    @property
    def window_s(self) -> float:
        """Seconds that the model hears."""
        return self.window_samples / self.rate_hz

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return self.window_samples // self.hop_samples + 1

    @property
    def mel_bands(self) -> int:
        """Number of mel bands."""
        return int(self.filters_KM.shape[1])

    def fill(self, wave_T: Wave) -> Wave:
        """A wave of the window's length: cut at the end, or repeated and padded."""
        wanted = self.window_samples
        if 0 < len(wave_T) < wanted and self.padding in {"repeat", "repeatpad"}:
            wave_T = np.tile(wave_T, wanted // len(wave_T) + (self.padding == "repeat"))
        return np.pad(wave_T[:wanted], (0, max(0, wanted - len(wave_T))))

    def log_mel(self, wave_T: Wave) -> np.ndarray:
        """Power in mel bands, in dB.

        Args:
            wave_T: float32 samples of a whole window.

        Returns:
            mel_MF: float32, at least -100 dB.

        Source: `ClapFeatureExtractor._np_extract_fbank_features` in transformers, which a test compares with.
        """
        spectrum_KF = torch.stft(
            torch.from_numpy(np.ascontiguousarray(wave_T)),
            self.fft_samples,
            self.hop_samples,
            window=torch.hann_window(self.fft_samples),
            return_complex=True,
        )
        power_KF = spectrum_KF.real.square() + spectrum_KF.imag.square()
        mel_MF = self.filters_KM.T @ power_KF
        decibels_MF: np.ndarray = (10.0 * mel_MF.clamp(min=_LOWEST_POWER).log10()).numpy()
        return decibels_MF


def read_window(folder: Path, audio: AudioInput, features: Features, place: float = 0.5) -> Wave:
    """The part of an input that the model hears, at its rate; only this part is read.

    Args:
        folder: of the dataset version.
        audio: to read.
        features: the model's.
        place: where a crop lies in a longer recording: 0 at its start, 1 at its end.

    Raises:
        AudioError: a file cannot be read, or lacks the stretch.
    """
    total_s = sum(piece.duration_s for piece in audio.stretches())
    start_s = max(0.0, total_s - features.window_s) * place
    pieces = crop(audio.stretches(), start_s, features.window_s)
    waves = [read_audio(folder / p.audio, features.rate_hz, p.start_s, p.duration_s) for p in pieces]
    return waves[0] if len(waves) == 1 else np.concatenate(waves)


def crop(stretches: Sequence[Piece], start_s: float, length_s: float) -> list[Piece]:
    """The part of joined stretches from `start_s` on, at most `length_s` long."""
    end_s, at_s, kept = start_s + length_s, 0.0, []
    for piece in stretches:
        first_s, last_s = max(start_s, at_s), min(end_s, at_s + piece.duration_s)
        if last_s > first_s and not math.isclose(first_s, last_s, abs_tol=1e-6):
            kept.append(Piece(piece.audio, piece.start_s + first_s - at_s, last_s - first_s))
        at_s += piece.duration_s
    return kept
