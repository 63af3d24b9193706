"""The Audio Spectrogram Transformer with its classification head.

Legend: B recordings, T samples, M mel bands, F frames of 10 ms, C labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave
from engine.config.context import ContextConfig, FullContextConfig, ResolvedContext, ShortContextConfig
from engine.errors import ConfigError, Fault, ModelError
from engine.families.audio_encoder.encoder import AudioEncoder, AugmentMel, Prepared

_FRAME_SAMPLES, _HOP_SAMPLES = 400, 160
"""Kaldi's frames: 25 ms, every 10 ms, none beyond the end."""


class SpectrogramClassifier(AudioEncoder):
    """`ASTForAudioClassification`. It always sees its whole window, padded as its feature extractor does.

    Raises:
        ModelError: model and feature extractor disagree about the window.
    """

    heads = ("classifier",)
    targets = ("q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2")

    def __init__(self, model: Any, extractor: Any, *, has_new_head: bool = True) -> None:
        super().__init__(model, extractor, has_new_head=has_new_head)
        frames, bands = model.config.max_length, model.config.num_mel_bins
        if (extractor.max_length, extractor.num_mel_bins) != (frames, bands):
            raise ModelError(
                f"config.json has {frames} frames of {bands} mel bands, preprocessor_config.json "
                f"{extractor.max_length} of {extractor.num_mel_bins}; take both files from one model"
            )
        self.window_s = (_FRAME_SAMPLES + (frames - 1) * _HOP_SAMPLES) / RATE_HZ

    @staticmethod
    def adjust(config: Any) -> None:
        """Nothing in it is random but dropout."""

    def _resolve(self, context: ContextConfig) -> ResolvedContext:
        if isinstance(context, ShortContextConfig):
            message = f"found short; the model has positions for its whole window of {self.window_s:.2f} s only: leave it auto"
            raise ConfigError([Fault("training.context.type", message)])
        return FullContextConfig()

    def prepare(self, wave_T: Wave, context: ResolvedContext, augment: AugmentMel | None) -> Prepared:
        """Kaldi's filter banks fbank_FM from the model's feature extractor; frames count."""
        wave_T = wave_T[: round(self.window_s * RATE_HZ)]
        wave_T = np.pad(wave_T, (0, max(0, _FRAME_SAMPLES - len(wave_T))))  # one frame
        fbank_FM = self._extractor(wave_T, sampling_rate=RATE_HZ, return_tensors="np")["input_values"][0]
        frames = 1 + (len(wave_T) - _FRAME_SAMPLES) // _HOP_SAMPLES
        if augment is not None:
            fbank_FM[:frames] = augment(fbank_FM[:frames].T).T
        return Prepared(torch.from_numpy(fbank_FM), frames)

    def logits(self, values: torch.Tensor, filled_B: torch.Tensor) -> torch.Tensor:
        """logits_BC of fbank_BFM."""
        logits_BC: torch.Tensor = self._model(values).logits
        return logits_BC
