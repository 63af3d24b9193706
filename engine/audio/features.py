"""Log-mel features as Whisper defines them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
import torchaudio.functional

RATE_HZ = 16_000
FFT_SAMPLES = 400
HOP_SAMPLES = 160
FRAMES_PER_S = RATE_HZ // HOP_SAMPLES


@functools.lru_cache(maxsize=4)
def _filters_KM(mel_bands: int) -> torch.Tensor:
    filters_KM: torch.Tensor = torchaudio.functional.melscale_fbanks(
        n_freqs=1 + FFT_SAMPLES // 2,
        f_min=0.0,
        f_max=RATE_HZ / 2,
        n_mels=mel_bands,
        sample_rate=RATE_HZ,
        norm="slaney",
        mel_scale="slaney",
    )
    return filters_KM


def log_mel(wave_BT: torch.Tensor, mel_bands: int) -> torch.Tensor:
    """Log-mel spectrogram, scaled as Whisper expects it.

    B utterances, T samples at 16 kHz, M mel bands, F frames of 10 ms.

    Args:
        wave_BT: float32 samples in -1..1; T a multiple of 160.
        mel_bands: 80, or 128 for whisper-large-v3.

    Returns:
        float32 mel_BMF with F = T / 160, each utterance clamped to 8 decades (80 dB) below its own maximum.

    Source: `WhisperFeatureExtractor._torch_extract_fbank_features` in transformers, which a test compares with.
    """
    spectrum_BKF = torch.stft(
        wave_BT,
        FFT_SAMPLES,
        HOP_SAMPLES,
        window=torch.hann_window(FFT_SAMPLES, device=wave_BT.device),
        return_complex=True,
    )[..., :-1]
    power_BKF = spectrum_BKF.real.square() + spectrum_BKF.imag.square()
    mel_BMF = _filters_KM(mel_bands).to(wave_BT.device).T @ power_BKF
    decades_BMF = mel_BMF.clamp(min=1e-10).log10()
    floor_B11 = decades_BMF.amax(dim=(1, 2), keepdim=True) - 8.0
    return (torch.maximum(decades_BMF, floor_B11) + 4.0) / 4.0


def stack_padded(waves: Sequence[np.ndarray], samples: int) -> torch.Tensor:
    """Stack waves into a float32 wave_BT, each cut or padded with silence to `samples`."""
    stacked = np.zeros((len(waves), samples), dtype=np.float32)
    for row, wave_T in enumerate(waves):
        length = min(samples, len(wave_T))
        stacked[row, :length] = wave_T[:length]
    return torch.from_numpy(stacked)
