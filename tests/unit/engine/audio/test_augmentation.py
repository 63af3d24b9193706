from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from engine.audio.acoustics import noise, room_echo, telephone
from engine.audio.augmentation import (
    augment_mel,
    augment_wave,
    clip_softly,
    cut_edges,
    cut_quiet_ends,
    mask,
    quantize,
    set_peak,
    warp_vocal_tract,
)
from engine.audio.speed import change_speed, fast_length, stretch
from engine.config.augmentation import AugmentationConfig, NoiseKind, finetuning, pretraining

RATE_HZ = 16_000
Wave = npt.NDArray[np.float32]


def _generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _sine(frequency_hz: float, duration_s: float = 1.0) -> Wave:
    times_T = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times_T)).astype(np.float32)


def _speechlike(duration_s: float = 1.0) -> Wave:
    """A buzz of 120 Hz that swells and fades twice."""
    times_T = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    buzz_T = sum(np.sin(2 * np.pi * 120 * k * times_T) / k for k in range(1, 60))
    return (0.2 * buzz_T * np.square(np.sin(2 * np.pi * times_T / duration_s))).astype(np.float32)


def _frequency_hz(wave_T: Wave) -> float:
    spectrum_K = np.abs(np.fft.rfft(wave_T * np.hanning(len(wave_T))))
    return float(spectrum_K.argmax() * RATE_HZ / len(wave_T))


def _energy(wave_T: Wave, low_hz: float, high_hz: float) -> float:
    spectrum_K = np.square(np.abs(np.fft.rfft(wave_T)))
    frequencies_K = np.fft.rfftfreq(len(wave_T), 1 / RATE_HZ)
    return float(spectrum_K[(frequencies_K >= low_hz) & (frequencies_K < high_hz)].sum())


# ---- whole chains


@pytest.mark.parametrize("config", [pretraining(), finetuning()], ids=["pretraining", "finetuning"])
def test_the_seed_decides_everything(config: AugmentationConfig) -> None:
    wave_T = _speechlike()
    kept_T = wave_T.copy()
    variations = [augment_wave(wave_T, RATE_HZ, config, _generator(seed)) for seed in range(20)]
    for seed, variation_T in enumerate(variations):
        assert variation_T.dtype == np.float32
        assert np.isfinite(variation_T).all() and 0.01 < np.abs(variation_T).max() <= 1.0
        assert np.array_equal(variation_T, augment_wave(wave_T, RATE_HZ, config, _generator(seed)))
    assert all(not np.array_equal(one, other) for one, other in itertools.pairwise(variations))
    assert np.array_equal(wave_T, kept_T)


def test_nothing_happens_by_default() -> None:
    wave_T, mel_MF = _speechlike(), _generator().standard_normal((80, 50), dtype=np.float32)
    assert np.array_equal(augment_wave(wave_T, RATE_HZ, AugmentationConfig(), _generator()), wave_T)
    assert np.array_equal(augment_mel(mel_MF, AugmentationConfig(), _generator()), mel_MF)


@pytest.mark.parametrize("samples", [0, 1, 7, 100, 1000])
def test_short_and_silent_waves_come_through(samples: int) -> None:
    for seed in range(30):
        for wave_T in (np.zeros(samples, dtype=np.float32), np.ones(samples, dtype=np.float32)):
            variation_T = augment_wave(wave_T, RATE_HZ, pretraining(), _generator(seed))
            assert np.isfinite(variation_T).all()
            assert (len(variation_T) > 0) == (samples > 0)


# ---- time


@pytest.mark.parametrize("factor", [0.8, 0.93, 1.0, 1.07, 1.25, 22_050 / 16_000])
def test_speed_moves_length_and_frequency(factor: float) -> None:
    fast_T = change_speed(_sine(1000), factor)
    assert len(fast_T) == pytest.approx(RATE_HZ / factor, rel=0.005)
    assert _frequency_hz(fast_T) == pytest.approx(1000 * factor, rel=0.005)
    assert np.abs(fast_T[500:-500]).max() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.1, 1.25])
def test_stretch_moves_length_alone(factor: float) -> None:
    slow_T = stretch(_sine(440), RATE_HZ, factor)
    assert len(slow_T) == round(RATE_HZ * factor)
    assert _frequency_hz(slow_T) == pytest.approx(440, rel=0.01)
    # No frame falls out of step with the one before.
    middle_T = slow_T[1000:-1000].reshape(-1, len(slow_T[1000:-1000]) // 20)[:20]
    assert np.abs(middle_T).max(axis=1) == pytest.approx(np.full(20, 0.5), rel=0.12)


def test_stretch_keeps_the_course_of_the_loudness() -> None:
    wave_T = np.zeros(RATE_HZ, dtype=np.float32)
    wave_T[8_000:12_000] = _sine(300)[:4_000]
    loud = np.flatnonzero(np.abs(stretch(wave_T, RATE_HZ, 1.2)) > 0.1)
    assert loud[0] / RATE_HZ == pytest.approx(0.5 * 1.2, abs=0.04)
    assert loud[-1] / RATE_HZ == pytest.approx(0.75 * 1.2, abs=0.04)


def test_pitch_keeps_the_length() -> None:
    config = AugmentationConfig(pitch_probability=1.0, pitch_factor=(1.1, 1.1))
    high_T = augment_wave(_sine(440), RATE_HZ, config, _generator())
    assert len(high_T) == pytest.approx(RATE_HZ, rel=0.005)
    assert _frequency_hz(high_T) == pytest.approx(484, rel=0.01)


def test_silence_is_put_around() -> None:
    config = AugmentationConfig(silence_probability=1.0, silence_s=(0.1, 0.2))
    padded_T = augment_wave(_sine(440), RATE_HZ, config, _generator())
    assert 1.2 * RATE_HZ <= len(padded_T) <= 1.4 * RATE_HZ
    assert not padded_T[:1500].any() and not padded_T[-1500:].any()


def test_fft_lengths_have_small_factors_only() -> None:
    assert [fast_length(least) for least in (1, 3, 13, 1001, 16_001)] == [2, 4, 14, 1008, 16_128]
    assert fast_length(10**8 + 1) == 10**8 + 2


# ---- level


def test_the_peak_is_set() -> None:
    config = AugmentationConfig(gain_probability=1.0, gain_peak_db=(-20.0, -20.0))
    assert np.abs(augment_wave(_sine(440), RATE_HZ, config, _generator())).max() == pytest.approx(0.1, rel=1e-4)
    assert not set_peak(np.zeros(10, dtype=np.float32), -6.0).any()


def test_soft_clipping_keeps_the_peak_and_adds_harmonics() -> None:
    clipped_T = clip_softly(_sine(500), 6.0)
    assert np.abs(clipped_T).max() == pytest.approx(0.5, rel=1e-3)
    assert _energy(clipped_T, 1400, 1600) > 0.01 * _energy(clipped_T, 400, 600)


@pytest.mark.parametrize("bits", [4, 8])
def test_quantisation_leaves_that_many_levels(bits: int) -> None:
    rounded_T = quantize(_sine(37), bits)
    assert len(np.unique(rounded_T)) == 2**bits + 1
    assert np.abs(rounded_T - _sine(37)).max() <= 0.51 * 0.5 / 2 ** (bits - 1)


# ---- room, noise, channel


@pytest.mark.parametrize("kind", ["white", "pink", "brown", "hum", "babble"])
def test_noise_has_the_wanted_level(kind: NoiseKind) -> None:
    wave_T = _speechlike(2.0)
    for snr_db in (0.0, 20.0):
        config = AugmentationConfig(noise_probability=1.0, noise_snr_db=(snr_db, snr_db), noise_kinds=(kind,))
        added_T = augment_wave(wave_T, RATE_HZ, config, _generator(3)) - wave_T
        measured_db = 10 * np.log10(np.square(wave_T).sum() / np.square(added_T).sum())
        assert measured_db == pytest.approx(snr_db, abs=0.7)


def test_noises_have_their_colours() -> None:
    def fall_db(kind: NoiseKind) -> float:
        noise_T = np.fft.irfft(noise(kind, _speechlike(), 32_000, RATE_HZ, _generator()))
        return float(10 * np.log10(_energy(noise_T, 400, 800) / _energy(noise_T, 1600, 3200)))

    # Two octaves up; a band of four times the width has four times (6 dB) the energy of white noise.
    assert fall_db("white") == pytest.approx(-6.0, abs=0.7)
    assert fall_db("pink") == pytest.approx(0.0, abs=0.7)
    assert fall_db("brown") == pytest.approx(6.0, abs=0.7)
    hum_T = np.fft.irfft(noise("hum", _speechlike(), 32_000, RATE_HZ, _generator()))
    assert _energy(hum_T, 40, 1300) > 0.99 * _energy(hum_T, 0, 8000)


def test_an_echo_decays_by_60_db_and_has_the_wanted_level() -> None:
    decay_s, padded = 0.3, 16_000
    echo_T = np.fft.irfft(room_echo(decay_s, -6.0, padded, RATE_HZ, _generator()), padded)
    assert np.square(echo_T).sum() == pytest.approx(10**-0.6, rel=1e-3)
    early, late = (np.square(echo_T[start : start + 480]).mean() for start in (480, 480 + 2400))
    assert 10 * np.log10(early / late) == pytest.approx(30.0, abs=2.0)  # half of the 60 dB in half of the time
    assert np.abs(echo_T[4801:]).max() < 1e-6
    assert np.abs(echo_T[:16]).max() < 1e-6  # the direct sound comes first


def test_reverb_fills_the_time_after_a_click() -> None:
    wave_T = np.zeros(8_000, dtype=np.float32)
    wave_T[2_000] = 1.0
    config = AugmentationConfig(reverb_probability=1.0, reverb_decay_s=(0.2, 0.2), reverb_wet_db=(-3.0, -3.0))
    room_T = augment_wave(wave_T, RATE_HZ, config, _generator())
    assert len(room_T) == len(wave_T)
    assert np.abs(room_T[:2_000]).max() < 1e-3
    assert np.square(room_T[2_001:]).sum() == pytest.approx(0.5, rel=0.05)


def test_a_band_keeps_what_is_in_it() -> None:
    config = AugmentationConfig(band_probability=1.0, band_low_hz=(300.0, 300.0), band_high_hz=(3000.0, 3000.0))
    for frequency_hz, low, high in ((1000, 0.99, 1.01), (75, 0.0, 0.01), (4000, 0.0, 1e-6)):
        wave_T = _sine(frequency_hz)
        kept_T = augment_wave(wave_T, RATE_HZ, config, _generator())
        share = _energy(kept_T[2000:-2000], 0, 8001) / _energy(wave_T[2000:-2000], 0, 8001)
        assert low <= share <= high, frequency_hz


def test_narrowband_leaves_nothing_above_4_khz() -> None:
    config = AugmentationConfig(narrowband_probability=1.0)
    wave_T = _generator().standard_normal(RATE_HZ, dtype=np.float32)
    narrow_T = augment_wave(wave_T, RATE_HZ, config, _generator())
    assert _energy(narrow_T, 4100, 8001) < 1e-3 * _energy(narrow_T, 0, 4000)
    assert _energy(narrow_T, 0, 3500) == pytest.approx(_energy(wave_T, 0, 3500), rel=0.02)


def test_a_tilt_has_its_slope() -> None:
    config = AugmentationConfig(tilt_probability=1.0, tilt_db_per_octave=(-3.0, -3.0))
    for frequency_hz, gain_db in ((500, 3.0), (1000, 0.0), (2000, -3.0), (4000, -6.0)):
        changed_T = augment_wave(_sine(frequency_hz), RATE_HZ, config, _generator())
        measured = np.abs(changed_T[2000:-2000]).max() / 0.5
        assert 20 * np.log10(measured) == pytest.approx(gain_db, abs=0.2)


def test_peaks_stay_within_their_range() -> None:
    config = AugmentationConfig(peak_probability=1.0, peak_db=(6.0, 6.0))
    wave_T = _generator().standard_normal(RATE_HZ, dtype=np.float32)
    gains_db = []
    for low_hz in range(100, 7900, 100):
        energies = [
            _energy(each_T, low_hz, low_hz + 100)
            for each_T in (augment_wave(wave_T, RATE_HZ, config, _generator(1)), wave_T)
        ]
        gains_db.append(10 * np.log10(energies[0] / energies[1]))
    assert -0.5 < min(gains_db) < 1.0 and 5.0 < max(gains_db) < 12.5


def test_a_telephone_passes_speech_alone() -> None:
    wave_T = _generator().standard_normal(RATE_HZ, dtype=np.float32) * 0.1
    line_T = telephone(wave_T, RATE_HZ)
    assert len(line_T) == len(wave_T)
    assert _energy(line_T, 4100, 8001) < 1e-3 * _energy(line_T, 300, 3400)
    assert _energy(line_T, 500, 3300) == pytest.approx(_energy(wave_T, 500, 3300), rel=0.05)
    tone_T = telephone(_sine(1000), RATE_HZ)
    rest = _energy(tone_T, 0, 8001) - _energy(tone_T, 950, 1050)
    assert 25 < 10 * np.log10(_energy(tone_T, 950, 1050) / rest) < 50  # 8-bit mu-law: about 38 dB


# ---- log-mel


def test_a_warp_moves_a_line_up_or_down() -> None:
    mel_MF = np.full((80, 4), -1.0, dtype=np.float32)
    mel_MF[40] = 1.0
    assert np.array_equal(warp_vocal_tract(mel_MF, 1.0), mel_MF)
    for factor, places in ((1.15, range(43, 48)), (0.87, range(33, 38))):
        moved_MF = warp_vocal_tract(mel_MF, factor)
        assert moved_MF.shape == mel_MF.shape and moved_MF.dtype == np.float32
        assert int(moved_MF[:, 0].argmax()) in places
        assert moved_MF.min() >= -1.0 and moved_MF.max() <= 1.0


def test_a_warp_is_the_one_of_the_mel_scale() -> None:
    """Band 19 of 80 lies on 20 / 81 of 45.2 mel, 745 Hz; 1.2 times as high, 894 Hz, is on band 23."""
    ramp_MF = np.arange(80, dtype=np.float32)[:, None]
    assert warp_vocal_tract(ramp_MF, 1.2)[23, 0] == pytest.approx(19.0, abs=0.05)


def test_masks_take_whole_bands_and_short_times() -> None:
    mel_MF = 1 + _generator().random((80, 100), dtype=np.float32)
    kept_MF = mel_MF.copy()
    widest = 0
    for seed in range(50):
        masked_MF = mask(mel_MF, 2, 10, 1, 5, _generator(seed))
        hidden_MF = masked_MF != mel_MF
        assert (masked_MF[hidden_MF] == mel_MF.min()).all()
        bands, frames = hidden_MF.mean(axis=1) > 0.9, hidden_MF.mean(axis=0) > 0.9
        assert bands.sum() <= 20 and frames.sum() <= 5
        assert not hidden_MF[~bands][:, ~frames].any()
        widest = max(widest, int(bands.sum()))
    assert widest > 12
    assert np.array_equal(mel_MF, kept_MF)


def test_a_time_mask_spares_short_utterances() -> None:
    config = AugmentationConfig(mask_times=1, mask_time_s=0.5)
    mel_MF = _generator().random((80, 20), dtype=np.float32)
    for seed in range(20):
        hidden_MF = augment_mel(mel_MF, config, _generator(seed)) != mel_MF
        assert (hidden_MF.mean(axis=0) > 0.9).sum() <= 4


def test_mel_augmentation_is_decided_by_the_seed() -> None:
    mel_MF = _generator().random((80, 60), dtype=np.float32)
    for seed in range(10):
        one, other = (augment_mel(mel_MF, pretraining(), _generator(seed)) for _ in range(2))
        assert one.shape == mel_MF.shape and one.dtype == np.float32
        assert np.array_equal(one, other)
    assert augment_mel(np.zeros((80, 0), dtype=np.float32), pretraining(), _generator()).shape == (80, 0)


def test_edges_are_cut_at_random_and_never_by_more_than_a_tenth() -> None:
    wave_T = np.arange(8000, dtype=np.float32)
    lengths = set()
    for seed in range(40):
        kept_T = cut_edges(wave_T, RATE_HZ, (0.0, 0.03), np.random.default_rng(seed))
        assert 0 <= kept_T[0] <= 480
        assert 7999 - 480 <= kept_T[-1] <= 7999
        assert np.array_equal(kept_T, wave_T[int(kept_T[0]) : int(kept_T[-1]) + 1])
        lengths.add(len(kept_T))
    assert len(lengths) > 20
    short_T = cut_edges(wave_T[:1000], RATE_HZ, (0.05, 0.05), np.random.default_rng(0))
    assert len(short_T) == 800
    assert len(cut_edges(wave_T[:5], RATE_HZ, (0.05, 0.05), np.random.default_rng(0))) == 5


def test_quiet_ends_are_cut_at_the_level_and_the_middle_stays() -> None:
    frame = RATE_HZ // 100
    levels_db = [-60, -40, -25, -12, 0, -50, 0, -8, -25, -40]  # a pause in the middle is no end
    wave_T = np.concatenate([np.full(frame, 10 ** (level / 20), dtype=np.float32) for level in levels_db])
    for level_db, first, last in ((-50.0, 1, 9), (-30.0, 2, 8), (-10.0, 4, 7), (-5.0, 4, 6)):
        assert np.array_equal(cut_quiet_ends(wave_T, RATE_HZ, level_db), wave_T[first * frame : (last + 1) * frame])
    odd_T = wave_T[: 7 * frame + 30]  # what is left after the last whole 10 ms belongs to them
    assert np.array_equal(cut_quiet_ends(odd_T, RATE_HZ, -5.0), odd_T[4 * frame :])


def test_quiet_ends_of_silence_and_of_next_to_nothing_stay() -> None:
    for samples in (0, 1, 100, 4000):
        assert len(cut_quiet_ends(np.zeros(samples, dtype=np.float32), RATE_HZ, -20.0)) == samples


def test_level_cuts_happen_as_often_as_the_config_says() -> None:
    wave_T = np.concatenate([np.full(1600, 0.001), np.full(1600, 0.5), np.full(1600, 0.001)]).astype(np.float32)
    config = AugmentationConfig(level_cut_probability=0.5, level_cut_db=(-35.0, -10.0))
    cut = sum(len(augment_wave(wave_T, RATE_HZ, config, _generator(seed))) == 1600 for seed in range(200))
    assert 70 <= cut <= 130
