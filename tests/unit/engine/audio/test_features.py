"""Our features against those of transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor

from engine.audio.features import log_mel, stack_padded


@pytest.mark.parametrize("mel_bands", [80, 128])
def test_a_full_window_has_the_features_of_transformers(mel_bands: int) -> None:
    generator = np.random.default_rng(0)
    waves = [0.1 * generator.standard_normal(n).astype(np.float32) for n in (16_000, 70_001)]
    theirs = WhisperFeatureExtractor(feature_size=mel_bands)(waves, sampling_rate=16_000, return_tensors="pt")
    ours_BMF = log_mel(stack_padded(waves, 480_000), mel_bands)
    torch.testing.assert_close(ours_BMF, theirs.input_features, atol=2e-5, rtol=0)


def test_a_short_window_has_the_same_frames_as_a_full_one() -> None:
    wave_T = 0.1 * np.random.default_rng(1).standard_normal(12_345).astype(np.float32)
    short_BMF = log_mel(stack_padded([wave_T], 16_000), 80)
    full_BMF = log_mel(stack_padded([wave_T], 480_000), 80)
    assert short_BMF.shape == (1, 80, 100)
    torch.testing.assert_close(short_BMF, full_BMF[..., :100])


def test_stacking_cuts_what_is_too_long() -> None:
    stacked_BT = stack_padded([np.ones(5, np.float32), np.ones(2, np.float32)], 3)
    assert stacked_BT.tolist() == [[1, 1, 1], [1, 1, 0]]
