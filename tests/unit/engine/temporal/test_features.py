"""Features of frames, on the bundled recordings and on mixes of them with noise and silence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave
from engine.config.methods.temporal import FEATURES
from engine.temporal.features import (
    Track,
    frame_count,
    frame_features,
    local_snr,
    local_snr_db,
    speaker_change,
    speech_at_frames,
)
from tests.unit.engine.temporal.sounds import HOP, VOICES, noise, probabilities, silence, spoken


def _features(wave_T: Wave) -> Track:
    return frame_features(wave_T, probabilities(wave_T), HOP)


def _track(wave_T: Wave, name: str) -> Track:
    return _features(wave_T)[:, [*FEATURES].index(name)]


def _frames(start_s: float, end_s: float) -> slice:
    return slice(round(start_s * RATE_HZ / HOP), round(end_s * RATE_HZ / HOP))


@pytest.mark.parametrize(
    "wave_T", [spoken("amara"), noise(1.0), silence(1.0), noise(0.0107)], ids=["speech", "noise", "zeros", "bit"]
)
def test_every_frame_has_features_between_0_and_1(wave_T: Wave) -> None:
    phi_SF = _features(wave_T)
    assert phi_SF.shape == (frame_count(len(wave_T), HOP), len(FEATURES)) and phi_SF.dtype == np.float32
    assert float(phi_SF.min()) >= 0.0 and float(phi_SF.max()) <= 1.0
    assert np.array_equal(phi_SF, _features(wave_T.copy()))


def test_a_recording_without_samples_has_no_frames() -> None:
    assert frame_features(silence(0.0), np.zeros(0, np.float32), HOP).shape == (0, len(FEATURES))


def test_speech_is_interpolated_between_windows() -> None:
    frames_S = speech_at_frames(np.array([0.0, 1.0], np.float32), 4, 256)  # middles at 128, 384, 640, 896
    np.testing.assert_allclose(frames_S, [0.0, 0.25, 0.75, 1.0])  # of windows with middles at 256 and 768


def test_speech_is_found_between_silence_and_noise() -> None:
    wave_T = np.concatenate([silence(1.0), spoken("amara"), noise(1.0)])
    end_s = len(wave_T) / RATE_HZ
    speech_S = _track(wave_T, "speech")
    assert speech_S[_frames(0.0, 0.8)].max() < 0.3
    assert speech_S[_frames(1.2, end_s - 1.2)].mean() > 0.6
    assert speech_S[_frames(end_s - 0.5, end_s)].max() < 0.3


# ---- a change of the speaker


def test_two_voices_differ_more_than_one_from_itself() -> None:
    """Over all pairs of the bundled voices: the score around the place where two recordings are joined."""

    def at_join(first: Wave, second: Wave) -> float:
        track_S = _track(np.concatenate([first, second]), "speaker_change")
        join = len(first) // HOP
        return float(track_S[join - 5 : join + 5].max())

    parts = {voice: (spoken(voice), spoken(voice, slice(5, None, 10))) for voice in VOICES}
    same = [at_join(*parts[voice]) for voice in VOICES]
    other = [at_join(parts[a][0], parts[b][1]) for a, b in itertools.permutations(VOICES, 2)]
    assert np.median(other) > 1.5 * np.median(same)
    better = np.mean([different > equal for different in other for equal in same])
    assert better > 0.85


def test_there_is_no_change_without_speech_on_both_sides() -> None:
    wave_T = np.concatenate([noise(1.0), spoken("amara", slice(0, 1)), noise(2.0, level=0.05)])
    silent_S = np.zeros(frame_count(len(wave_T), HOP), np.float32)
    assert not speaker_change(wave_T, silent_S, HOP).any()
    assert _track(wave_T, "speaker_change")[_frames(2.7, 3.5)].max() < 1e-6


def test_the_level_of_a_recording_is_no_change() -> None:
    wave_T = np.concatenate([spoken("bruno"), spoken("chae")])
    speech_S = _track(wave_T, "speech")
    difference_S = np.abs(speaker_change(wave_T, speech_S, HOP) - speaker_change(0.25 * wave_T, speech_S, HOP))
    assert float(difference_S.mean()) < 0.02 and float(difference_S.max()) < 0.1


# ---- local signal-to-noise ratio


@pytest.mark.parametrize("wanted_db", [0.0, 10.0, 20.0])
def test_the_ratio_of_a_tone_in_noise_is_known(wanted_db: float) -> None:
    level = 0.01
    tone_T = level * np.sqrt(2) * 10 ** (wanted_db / 20) * np.sin(2 * np.pi * 400 * np.arange(RATE_HZ) / RATE_HZ)
    wave_T = np.concatenate([silence(1.0), tone_T.astype(np.float32), silence(1.0)]) + noise(3.0, level)
    speech_S = np.zeros(frame_count(len(wave_T), HOP), np.float32)
    speech_S[_frames(1.0, 2.0)] = 1.0
    ratio_S = local_snr_db(wave_T, speech_S, HOP)
    assert float(np.median(ratio_S[_frames(1.1, 1.9)])) == pytest.approx(wanted_db, abs=1.0)
    assert float(np.median(ratio_S[_frames(0.0, 0.9)])) < -5.0


def test_the_ratio_falls_with_the_noise_and_follows_it_in_time() -> None:
    clean_T = np.concatenate([spoken("amara"), spoken("amara", slice(1, None, 10))])
    speech_S = _track(clean_T, "speech")
    quiet, loud = (
        noise(len(clean_T) / RATE_HZ, 0.001)[: len(clean_T)],
        noise(len(clean_T) / RATE_HZ, 0.05)[: len(clean_T)],
    )
    half = len(clean_T) // 2
    changing_T = clean_T + np.concatenate([quiet[:half], loud[half:]])
    changing_S = local_snr(changing_T, speech_S, HOP)
    middle = half // HOP
    assert (
        changing_S[: middle - 75][speech_S[: middle - 75] > 0.8].mean()
        > 0.1 + changing_S[middle + 75 :][speech_S[middle + 75 :] > 0.8].mean()
    )


def test_the_ratio_is_that_of_any_level_and_least_in_silence() -> None:
    wave_T = np.concatenate([noise(1.0), spoken("bruno"), noise(1.0)])
    speech_S = _track(wave_T, "speech")
    np.testing.assert_allclose(local_snr(wave_T, speech_S, HOP), local_snr(0.3 * wave_T, speech_S, HOP), atol=0.01)
    assert not _track(silence(2.0), "snr").any()


def test_speech_without_a_pause_is_measured_against_its_quietest_frames() -> None:
    wave_T = noise(2.0, 0.001) + np.concatenate([noise(1.0, 0.1, seed=1), silence(1.0)])
    ratio_S = local_snr_db(wave_T, np.ones(frame_count(len(wave_T), HOP), np.float32), HOP)
    assert float(np.median(ratio_S[_frames(0.6, 0.9)])) > 20.0
