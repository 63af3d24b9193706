"""Each field of the augmentation does to a sound what it says; what the sounds are made of is in test_augmentation.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.audio.augmentation import augment_mel, augment_wave, clip_softly, warp_vocal_tract
from engine.config.augmentation import AugmentationConfig

RATE_HZ = 16_000
Wave = npt.NDArray[np.float32]


def _sine(frequency_hz: float, duration_s: float = 1.0) -> Wave:
    times_T = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times_T)).astype(np.float32)


def _white(duration_s: float = 1.0) -> Wave:
    return 0.1 * np.random.default_rng(7).standard_normal(round(duration_s * RATE_HZ), dtype=np.float32)


def _changed(wave_T: Wave, seed: int = 0, **fields: Any) -> Wave:
    return augment_wave(wave_T, RATE_HZ, AugmentationConfig(**fields), np.random.default_rng(seed))


def _energy(wave_T: Wave, low_hz: float, high_hz: float) -> float:
    power_K = np.square(np.abs(np.fft.rfft(wave_T)))
    frequencies_K = np.fft.rfftfreq(len(wave_T), 1 / RATE_HZ)
    return float(power_K[(frequencies_K >= low_hz) & (frequencies_K < high_hz)].sum())


def _loudest_hz(wave_T: Wave) -> float:
    return float(np.abs(np.fft.rfft(wave_T * np.hanning(len(wave_T)))).argmax() * RATE_HZ / len(wave_T))


def test_speed_shortens_and_raises() -> None:
    fast_T = _changed(_sine(1000), speed_probability=1.0, speed_factor=(1.25, 1.25))
    assert len(fast_T) == pytest.approx(RATE_HZ / 1.25, rel=0.005)
    assert _loudest_hz(fast_T) == pytest.approx(1250, rel=0.005)


@pytest.mark.parametrize(("decay_s", "heard"), [(0.05, False), (0.5, True)])
def test_an_echo_lasts_as_long_as_its_decay(decay_s: float, heard: bool) -> None:
    click_T = np.zeros(RATE_HZ, dtype=np.float32)
    click_T[100] = 1.0
    room_T = _changed(click_T, reverb_probability=1.0, reverb_decay_s=(decay_s, decay_s), reverb_wet_db=(0.0, 0.0))
    late = float(np.square(room_T[100 + RATE_HZ // 10 :]).sum())  # 100 ms after the click
    assert (late > 0.01) is heard


def test_the_lower_edge_of_a_band_lies_where_it_is_put() -> None:
    for low_hz, least_db, most_db in ((1000.0, -37.0, -35.0), (60.0, -0.1, 0.1)):
        fields = {"band_low_hz": (low_hz, low_hz), "band_high_hz": (7600.0, 7600.0)}
        kept_T = _changed(_sine(250), band_probability=1.0, **fields)
        change_db = 20 * np.log10(np.abs(kept_T[4000:-4000]).max() / 0.5)
        assert least_db <= change_db <= most_db, low_hz


def test_a_telephone_takes_the_low_and_the_high() -> None:
    wave_T = _white()
    line_T = _changed(wave_T, telephone_probability=1.0)
    assert _energy(line_T, 4100, 8001) < 1e-3 * _energy(wave_T, 4100, 8001)
    assert _energy(line_T, 0, 100) < 0.1 * _energy(wave_T, 0, 100)
    assert _energy(line_T, 500, 3000) == pytest.approx(_energy(wave_T, 500, 3000), rel=0.1)


def test_quantisation_leaves_the_levels_of_its_bits() -> None:
    for bits in (3, 5):
        rounded_T = _changed(_sine(37), quantization_probability=1.0, quantization_bits=(bits, bits))
        assert len(np.unique(rounded_T)) == 2**bits + 1


def test_noise_is_of_the_kinds_that_are_listed() -> None:
    wave_T = _white()
    for seed in range(6):
        added_T = _changed(wave_T, seed, noise_probability=1.0, noise_kinds=("hum",)) - wave_T
        assert _energy(added_T, 40, 1300) > 0.9 * _energy(added_T, 0, 8001)


def test_edges_are_cut_by_their_length() -> None:
    wave_T = _white(2.0)
    cut_T = _changed(wave_T, edge_cut_probability=1.0, edge_cut_s=(0.1, 0.1))
    assert np.array_equal(cut_T, wave_T[1600:-1600])


@pytest.mark.parametrize(("level_db", "length_s"), [(-60.0, 0.3), (-20.0, 0.1)])
def test_quiet_ends_are_cut_under_their_level(level_db: float, length_s: float) -> None:
    """A tenth of a second at -40 dB, one of speech, one at -40 dB."""
    quiet, loud = np.full(1600, 0.005), np.full(1600, 0.5)
    wave_T = np.concatenate([quiet, loud, quiet]).astype(np.float32)
    cut_T = _changed(wave_T, level_cut_probability=1.0, level_cut_db=(level_db, level_db))
    assert len(cut_T) == round(length_s * RATE_HZ)


def test_the_drive_says_how_far_the_peak_is_clipped() -> None:
    def third_harmonic(drive: float) -> float:
        clipped_T = _changed(_sine(500), clip_probability=1.0, clip_drive=(drive, drive))
        assert np.allclose(clipped_T, clip_softly(_sine(500), drive))
        return _energy(clipped_T, 1400, 1600) / _energy(clipped_T, 400, 600)

    assert third_harmonic(8.0) > 0.05 > 0.001 > third_harmonic(0.3)


def test_a_vocal_tract_moves_bands_by_its_factor() -> None:
    mel_MF = np.full((80, 4), -1.0, dtype=np.float32)
    mel_MF[40] = 1.0
    for factor, moves_up in ((1.3, True), (0.75, False)):
        config = AugmentationConfig(vocal_tract_probability=1.0, vocal_tract_factor=(factor, factor))
        warped_MF = augment_mel(mel_MF, config, np.random.default_rng(0))
        assert np.array_equal(warped_MF, warp_vocal_tract(mel_MF, factor))
        assert (int(warped_MF[:, 0].argmax()) > 45) is moves_up
        assert (int(warped_MF[:, 0].argmax()) < 35) is not moves_up


def _hidden(**fields: Any) -> tuple[list[int], list[int]]:
    """Hidden bands and hidden frames of 60 draws."""
    mel_MF = 1 + np.random.default_rng(0).random((80, 200), dtype=np.float32)
    bands, frames = [], []
    for seed in range(60):
        hidden_MF = augment_mel(mel_MF, AugmentationConfig(**fields), np.random.default_rng(seed)) != mel_MF
        bands.append(int((hidden_MF.mean(axis=1) > 0.95).sum()))
        frames.append(int((hidden_MF.mean(axis=0) > 0.95).sum()))
    return bands, frames


def test_masks_over_frequencies_are_as_many_and_as_wide_as_they_say() -> None:
    one, _ = _hidden(mask_frequencies=1, mask_frequency_share=0.5)
    assert 30 < max(one) <= 40
    three, frames = _hidden(mask_frequencies=3, mask_frequency_share=0.1)
    assert 12 < max(three) <= 24
    assert max(frames) == 0


def test_masks_over_time_are_as_many_and_as_long_as_they_say() -> None:
    _, one = _hidden(mask_times=1, mask_time_s=0.3)
    assert 20 < max(one) <= 30
    bands, three = _hidden(mask_times=3, mask_time_s=0.04)
    assert 6 < max(three) <= 12
    assert max(bands) == 0
