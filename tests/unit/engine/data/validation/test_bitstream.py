from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from engine.data.validation.bitstream import check_bitstream
from engine.data.validation.damage import random_samples
from engine.errors import AudioError, TruncatedAudioError
from tests.unit.engine.data.validation.waves import RATE_HZ, int16, voice


def _file(format: str, subtype: str, rate_hz: int = RATE_HZ) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, voice(0), rate_hz, format=format, subtype=subtype)
    return file.getvalue()


FILES = {"vorbis": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III")}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_whole_files_are_let_through(name: str, rate_hz: int) -> None:
    data = _file(*FILES[name], rate_hz)
    check_bitstream(io.BytesIO(data))
    if name == "mp3":
        check_bitstream(io.BytesIO(data + b"TAG" + bytes(125)))
    check_bitstream(io.BytesIO(b"RIFF, which is checked elsewhere"))
    check_bitstream(io.BytesIO(b""))


@pytest.mark.parametrize("name", FILES)
def test_files_cut_at_any_byte_are_found(name: str) -> None:
    data = _file(*FILES[name])
    for length in [*range(1200, len(data), 53), len(data) - 1]:
        with pytest.raises(AudioError, match="ends|damaged"):
            check_bitstream(io.BytesIO(data[:length]))


def test_an_ogg_file_without_its_last_page_is_cut_short() -> None:
    data = _file("OGG", "VORBIS")
    with pytest.raises(TruncatedAudioError, match=r"ends after page \d+, which is not marked as the last"):
        check_bitstream(io.BytesIO(data[: data.rfind(b"OggS")]))


@pytest.mark.parametrize("name", ["vorbis", "opus"])
def test_one_changed_byte_of_an_ogg_file_is_found(name: str) -> None:
    data = bytearray(_file(*FILES[name]))
    for at in range(200, len(data), 97):
        data[at] ^= 0x10
        with pytest.raises(AudioError):
            check_bitstream(io.BytesIO(bytes(data)))
        data[at] ^= 0x10


def test_bytes_that_are_no_samples_are_found() -> None:
    generator = np.random.default_rng(0)
    for seed in range(10):
        wave_T = voice(seed)
        assert random_samples(wave_T) == 0
        assert random_samples(np.clip(20 * wave_T, -1, 1)) == 0, "overdriven, and no random numbers"
        samples_T = int16(wave_T)
        samples_T[5000:5128] = np.frombuffer(generator.bytes(256), "<i2")
        assert 60 <= random_samples(samples_T.astype(np.float32) / 32768) <= 256
