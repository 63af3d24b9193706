"""Several channels become one without losing what is said."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest

from engine.audio.reading import Heard, decode_once, hear, read_audio
from tests.unit.engine.audio.encoded import by_ffmpeg, by_libsndfile

RATE_HZ = 16_000
Wave = npt.NDArray[np.float32]


def _speech(seed: int, duration_s: float = 3.0) -> Wave:
    """Bursts of filtered noise over a faint floor: as lively as speech."""
    generator = np.random.default_rng(seed)
    count = round(duration_s * RATE_HZ)
    noise = np.convolve(generator.standard_normal(count + 40), np.hanning(40), "valid")[:count]
    envelope = np.maximum(0, np.sin(2 * np.pi * (2.3 * np.arange(count) / RATE_HZ + generator.random()))) ** 2
    return (0.3 * noise / np.abs(noise).max() * envelope + 1e-4 * generator.standard_normal(count)).astype(np.float32)


A, B = _speech(1), _speech(2)
HISS = (0.1 * np.random.default_rng(3).standard_normal(len(A))).astype(np.float32)
HUM = (0.3 * np.sin(2 * np.pi * 50 * np.arange(len(A)) / RATE_HZ)).astype(np.float32)
HALF = np.where(np.arange(len(A)) < len(A) // 3, -A, A)
DELAYED = np.concatenate([np.zeros(6, np.float32), -A[:-6]])


def _hear(*channels: Wave) -> Heard:
    return hear(io.BytesIO(by_libsndfile(np.stack(channels, axis=1), subtype="FLOAT")))


@pytest.mark.parametrize(
    ("channels", "taken"),
    [
        ([A, -A], 0),
        ([A, -0.9 * A], 0),
        ([0.5 * A, -A], 1),
        ([A, HALF], 0),
        ([A, DELAYED], 0),
        ([A, -A + 0.001 * HISS], 0),
        ([A, -A, 0 * A], 0),
        ([A, -A, A, -A], 0),
        ([A + 0.2, -A - 0.2], 0),
    ],
    ids=["opposite", "weaker", "second louder", "a third of it", "delayed", "with noise", "three", "four", "offset"],
)
def test_channels_that_cancel(channels: list[Wave], taken: int) -> None:
    heard = _hear(*channels)
    assert [doubt.code for doubt in heard.doubts] == ["cancelling_channels"]
    assert f"channel {taken + 1} alone was taken" in heard.doubts[0].reason
    assert np.array_equal(heard.wave_T, channels[taken].astype(np.float32))


@pytest.mark.parametrize("noise", [HISS, HUM], ids=["hiss", "hum"])
@pytest.mark.parametrize("first", [True, False])
def test_a_channel_of_noise_is_left_out(noise: Wave, first: bool) -> None:
    heard = _hear(noise, A) if first else _hear(A, noise)
    assert [doubt.code for doubt in heard.doubts] == ["noise_channel"]
    assert f"channel {1 if first else 2} of its 2 is a steady noise" in heard.doubts[0].reason
    assert np.array_equal(heard.wave_T, A)
    heard = _hear(A, noise, B)
    assert np.allclose(heard.wave_T, (A + B) / 2, atol=1e-6)


@pytest.mark.parametrize(
    "channels",
    [
        [A, A],
        [A, B],
        [A, 0 * A],
        [A, 0.02 * HISS],
        [0.7 * A + 0.3 * B, 0.3 * A + 0.7 * B],
        [A, np.concatenate([np.zeros(9, np.float32), A[:-9]])],
        [np.where(np.arange(len(A)) < 24_000, A, 0), np.where(np.arange(len(A)) < 24_000, 0, B)],
        [A + B, A - 0.5 * B],
        [A, B, 0.5 * A, 0 * A, 0 * A, 0.1 * B],
        [HISS, HISS[::-1].copy()],
        [HISS[::-1] * np.linspace(0.5, 1.6, len(A), dtype=np.float32), HISS],
    ],
    ids=[
        "same",
        "two people",
        "silent",
        "faint noise",
        "room",
        "late",
        "telephone",
        "middle and side",
        "six",
        "no speech",
        "a hiss that rises",
    ],
)
def test_other_channels_are_averaged(channels: list[Wave]) -> None:
    heard = _hear(*channels)
    assert heard.doubts == ()
    assert np.array_equal(heard.wave_T, np.stack(channels, axis=1).astype(np.float32).mean(axis=1, dtype=np.float32))


def test_parts_and_other_decoders_mix_alike() -> None:
    both = np.stack([A, HALF], axis=1)
    wav = by_libsndfile(both, subtype="FLOAT")
    # The first third cancels, and the rest does not.
    assert np.array_equal(read_audio(io.BytesIO(wav), start_s=0.0, duration_s=1.0), A[:RATE_HZ])
    assert [d.code for d in hear(io.BytesIO(wav), start_s=0.0, duration_s=1.0).doubts] == ["cancelling_channels"]
    assert hear(io.BytesIO(wav), start_s=1.0, duration_s=1.0).doubts == ()
    decoded = decode_once(io.BytesIO(wav), io.BytesIO())
    assert np.array_equal(read_audio(decoded, start_s=0.0, duration_s=1.0), A[:RATE_HZ])
    movie = hear(io.BytesIO(by_ffmpeg(np.stack([A, -A], axis=1), "mov", "pcm_s16le")))
    assert [d.code for d in movie.doubts] == ["cancelling_channels"]
    assert np.abs(movie.wave_T - A).max() < 1e-4


def test_long_recordings_are_mixed_as_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too long to be held is decoded twice."""
    short = _hear(A, -A)
    monkeypatch.setattr("engine.audio.opening._HELD_SAMPLES", 1000)
    monkeypatch.setattr("engine.audio.sound.BLOCK_SAMPLES", 10_000)
    for format, subtype in (("WAV", "FLOAT"), ("FLAC", "PCM_24")):
        long = hear(io.BytesIO(by_libsndfile(np.stack([A, -A], axis=1), format=format, subtype=subtype)))
        assert long.doubts == short.doubts
        assert np.abs(long.wave_T - short.wave_T).max() < 1e-6
