from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from engine.audio.reading import read_audio, resample
from engine.data.validation.config import ValidationConfig
from engine.data.validation.duplicates import Duplicates
from engine.data.validation.fingerprint import KEYS, fingerprint
from engine.data.validation.neighbours import Neighbours
from engine.models.catalogue import PROJECT_ROOT
from tests.unit.engine.data.validation.waves import RATE_HZ, Wave, int16

BUNDLED = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"
ITEMS = 40


@pytest.fixture(scope="module")
def originals() -> list[Wave]:
    """Single words by synthetic voices, through rooms and recorders: the shorter, the harder."""
    return [read_audio(path) for path in sorted(BUNDLED.rglob("*.flac"))[::15]]


@pytest.fixture(scope="module")
def known(originals: list[Wave]) -> Duplicates:
    duplicates = Duplicates(ValidationConfig(), lambda item: int16(originals[item]))
    for item, wave_T in enumerate(originals):
        keys = fingerprint(wave_T)
        assert duplicates.find(int16(wave_T), keys) is None, "two recordings that are not alike"
        duplicates.add(item, int16(wave_T), keys)
    return duplicates


def _coded(wave_T: Wave, format: str, subtype: str) -> Wave:
    file = io.BytesIO()
    soundfile.write(file, wave_T, RATE_HZ, format=format, subtype=subtype)
    return read_audio(file)


def _noisy(wave_T: Wave, snr_db: float) -> Wave:
    generator = np.random.default_rng(1)
    level = np.sqrt(np.mean(wave_T**2)) * 10 ** (-snr_db / 20)
    return (wave_T + level * generator.standard_normal(len(wave_T))).astype(np.float32)


def _faster(wave_T: Wave, speed: float) -> Wave:
    places = np.arange(int(len(wave_T) / speed)) * speed
    return np.interp(places, np.arange(len(wave_T)), wave_T).astype(np.float32)


FORMS: dict[str, tuple[Callable[[Wave], Wave], float]] = {
    "gain": (lambda w: w * np.float32(0.21), 1.0),
    "upside down": (lambda w: -w, 1.0),
    "noise at 30 dB": (lambda w: _noisy(w, 30), 1.0),
    "mp3": (lambda w: _coded(w, "MP3", "MPEG_LAYER_III"), 1.0),
    "vorbis": (lambda w: _coded(w, "OGG", "VORBIS"), 1.0),
    "opus": (lambda w: _coded(w, "OGG", "OPUS"), 0.9),
    "8 kHz": (lambda w: resample(resample(w, RATE_HZ, 8_000), 8_000, RATE_HZ), 1.0),
    "cut by 50 ms": (lambda w: w[800:], 0.95),
    "cut at both ends": (lambda w: w[413:-700], 0.95),
    "begins later": (lambda w: np.concatenate([np.zeros(555, np.float32), w]), 1.0),
    "1 % faster": (lambda w: _faster(w, 1.01), 0.8),
    "1 % slower": (lambda w: _faster(w, 0.99), 0.8),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_recording_in_another_form_is_found(known: Duplicates, originals: list[Wave], form: str) -> None:
    change, least = FORMS[form]
    found = 0
    for item, wave_T in enumerate(originals):
        changed_T = int16(change(wave_T))
        duplicate = known.find(changed_T, fingerprint(changed_T.astype(np.float32) / 32768))
        if duplicate:
            assert (duplicate.item, duplicate.kind) == (item, "near")
            found += 1
    assert found >= least * ITEMS


def test_the_same_samples_are_an_exact_duplicate(known: Duplicates, originals: list[Wave]) -> None:
    duplicate = known.find(int16(originals[7]), fingerprint(originals[7]))
    assert duplicate is not None
    assert (duplicate.item, duplicate.kind, duplicate.coherence) == (7, "exact", 1.0)


def test_a_word_inside_a_longer_recording_is_no_duplicate(known: Duplicates, originals: list[Wave]) -> None:
    both_T = np.concatenate([originals[0], originals[1]])
    assert known.find(int16(both_T), fingerprint(both_T)) is None


def test_the_index_finds_everything_whether_sorted_or_waiting() -> None:
    generator = np.random.default_rng(0)
    index = Neighbours()
    kept = []
    for item in range(1_000):
        keys = fingerprint(generator.standard_normal(2_000).astype(np.float32))
        assert len(keys[0].key_N) == KEYS
        assert np.all(np.diff(keys[0].key_N.astype(np.int64)) >= 0)
        index.add(item, keys[0])
        if item % 97 == 0:
            kept.append((item, keys))
    for item, keys in kept:
        best = index.nearest(keys, 3, 4)[0]
        assert (best.item, best.speed) == (item, 0)
        assert best.votes > 0.8 * KEYS


def test_nothing_to_hear_has_no_fingerprint() -> None:
    assert [len(keys.key_N) for keys in fingerprint(np.zeros(4_000, np.float32))] == [0, 0, 0]
    assert Neighbours().nearest(fingerprint(np.zeros(4_000, np.float32)), 3, 4) == []
