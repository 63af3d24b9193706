from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from transformers import ClapFeatureExtractor

from engine.data.example import AudioInput, Piece
from engine.families.clap.features import Features, crop, read_window


def _extractor(**changes: object) -> ClapFeatureExtractor:
    settings = {"hop_length": 960, "max_length_s": 1, "truncation": "rand_trunc", "padding": "repeatpad"}
    return ClapFeatureExtractor(**settings | changes)


def _sound(seconds: float, rate_hz: int = 48_000) -> np.ndarray:
    generator = np.random.default_rng(0)
    time_T = np.arange(round(seconds * rate_hz)) / rate_hz
    tone_T = 0.3 * np.sin(2 * np.pi * 700 * time_T)
    return (tone_T + 0.01 * generator.standard_normal(len(time_T))).astype(np.float32)


@pytest.mark.parametrize("padding", ["repeatpad", "repeat", "pad"])
@pytest.mark.parametrize("seconds", [0.3, 0.45, 0.7, 1.0])
def test_features_are_those_of_transformers(padding: str, seconds: float) -> None:
    extractor, wave_T = _extractor(padding=padding), _sound(seconds)
    features = Features.of(extractor)
    expected_FM = extractor(wave_T, sampling_rate=48_000)["input_features"][0][0]
    mel_MF = features.log_mel(features.fill(wave_T))
    assert mel_MF.dtype == np.float32
    assert mel_MF.shape == (features.mel_bands, features.frames)
    assert np.allclose(mel_MF.T, expected_FM, atol=2e-3)


def test_the_published_settings_make_ten_seconds_at_48_khz() -> None:
    features = Features.of(ClapFeatureExtractor(truncation="rand_trunc"))
    assert (features.rate_hz, features.window_s, features.frames, features.mel_bands) == (48_000, 10.0, 1001, 64)
    wave_T = _sound(10.0)
    expected_FM = ClapFeatureExtractor(truncation="rand_trunc")(wave_T, sampling_rate=48_000)["input_features"][0][0]
    assert np.allclose(features.log_mel(wave_T).T, expected_FM, atol=2e-3)


def test_nothing_becomes_silence() -> None:
    features = Features.of(_extractor())
    assert not features.fill(np.zeros(0, dtype=np.float32)).any()
    assert len(features.fill(np.zeros(0, dtype=np.float32))) == 48_000


def test_a_long_recording_is_cropped_and_a_low_rate_is_raised(tmp_path: Path) -> None:
    features = Features.of(_extractor())
    wave_T = _sound(2.0, 16_000)
    soundfile.write(tmp_path / "a.wav", wave_T, 16_000, subtype="FLOAT")
    read = {place: read_window(tmp_path, AudioInput("a.wav", 0.0, 2.0), features, place) for place in (0.0, 0.5, 1.0)}
    for place, start in ((0.0, 0), (0.5, 8_000), (1.0, 16_000)):
        assert len(read[place]) == 48_000
        assert np.allclose(read[place][300:-300:3], wave_T[start : start + 16_000][100:-100], atol=2e-2)
    assert np.array_equal(read_window(tmp_path, AudioInput("a.wav", 0.0, 2.0), features), read[0.5])  # the middle


def test_a_crop_of_joined_stretches_reads_only_what_is_heard() -> None:
    stretches = (Piece("a", 1.0, 2.0), Piece("b", 0.5, 3.0), Piece("c", 0.0, 1.0))
    assert crop(stretches, 0.0, 10.0) == list(stretches)
    assert crop(stretches, 1.5, 1.0) == [Piece("a", 2.5, 0.5), Piece("b", 0.5, 0.5)]
    assert crop(stretches, 2.0, 3.0) == [Piece("b", 0.5, 3.0)]
    assert crop(stretches, 5.25, 1.0) == [Piece("c", 0.25, 0.75)]
