"""Reading audio: what is good comes exactly, what is bad is named."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from engine.audio.reading import AudioInfo, probe, read_audio, read_blocks, resample
from engine.errors import AudioError, EmptyAudioError, TruncatedAudioError, UnsupportedAudioError

RATE_HZ = 16_000
SPEECH = np.random.default_rng(0).integers(-8000, 8000, 2 * RATE_HZ).astype(np.int16)


def _file(
    samples: npt.NDArray[np.generic] = SPEECH, rate_hz: int = RATE_HZ, subtype: str | None = None, format: str = "WAV"
) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=format, subtype=subtype)
    return file.getvalue()


def _tone(rate_hz: int, duration_s: float = 1.0, hz: float = 440.0) -> npt.NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * duration_s)) / rate_hz)).astype(np.float32)


# ---- what is good -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["WAV", "WAVEX", "RF64", "FLAC"])
def test_lossless_samples_come_exactly(tmp_path: Path, format: str) -> None:
    path = tmp_path / "a.audio"
    path.write_bytes(_file(format=format))
    name = "FLAC" if format == "FLAC" else "WAV"
    assert probe(path) == AudioInfo(rate_hz=RATE_HZ, channels=1, frames=32_000, duration_s=2.0, format=name)
    wave_T = read_audio(path)
    assert wave_T.dtype == np.float32
    assert np.array_equal(wave_T * 32768, SPEECH)
    assert np.array_equal(read_audio(path, start_s=0.5, duration_s=0.25) * 32768, SPEECH[8000:12_000])
    assert np.array_equal(read_audio(str(path), start_s=1.5) * 32768, SPEECH[24_000:])
    assert np.array_equal(read_audio(io.BytesIO(path.read_bytes()), start_s=1.5) * 32768, SPEECH[24_000:])


@pytest.mark.parametrize(
    ("format", "subtype", "name"),
    [("OGG", "VORBIS", "OGG"), ("OGG", "OPUS", "OPUS"), ("MP3", "MPEG_LAYER_III", "MP3")],
)
def test_lossy_files_keep_their_length_and_sound(format: str, subtype: str, name: str) -> None:
    tone = _tone(RATE_HZ, 2.0)
    data = _file(tone, subtype=subtype, format=format)
    assert probe(io.BytesIO(data)) == AudioInfo(RATE_HZ, 1, 32_000, 2.0, name)
    assert np.abs(read_audio(io.BytesIO(data)) - tone)[1000:-1000].max() < 0.03
    for start in (160, 8000, 12_345):
        part = read_audio(io.BytesIO(data), start_s=start / RATE_HZ, duration_s=1.0)
        assert len(part) == 16_000
        assert np.abs(part - tone[start : start + 16_000])[1000:-1000].max() < 0.03
    blocks = np.concatenate(list(read_blocks(io.BytesIO(data), block_s=0.1)))[:, 0]
    assert np.abs(blocks - tone)[1000:-1000].max() < 0.03


def test_only_the_segment_is_read() -> None:
    class Counting(io.BytesIO):
        read_bytes = 0

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            count = super().readinto(buffer)
            self.read_bytes += count
            return count

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.read_bytes += len(data)
            return data

    file = Counting(_file(np.zeros(600 * RATE_HZ, np.int16)))  # 19 MB
    assert len(read_audio(file, start_s=500.0, duration_s=1.0)) == RATE_HZ
    assert file.read_bytes < 100_000


def test_channels_are_averaged() -> None:
    left, right = SPEECH[:RATE_HZ], SPEECH[RATE_HZ:]
    wave_T = read_audio(io.BytesIO(_file(np.stack([left, right], axis=1))))
    assert np.allclose(wave_T * 32768, (left.astype(np.float32) + right) / 2)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_resampling_is_that_of_torchaudio(rate_hz: int) -> None:
    import torch
    import torchaudio

    wave_T = _tone(rate_hz)
    expected_T = torchaudio.functional.resample(torch.from_numpy(wave_T).double(), rate_hz, RATE_HZ).numpy()
    found_T = read_audio(io.BytesIO(_file(wave_T, rate_hz, "FLOAT")))
    assert np.abs(found_T - expected_T).max() < 2e-5  # less than a 16-bit step
    assert np.abs(found_T - _tone(RATE_HZ))[500:-500].max() < 0.01


@pytest.mark.parametrize("rate_hz", [44_101, 12_347, 191_999])
def test_odd_rates_need_no_giant_filter(rate_hz: int) -> None:
    found_T = resample(_tone(rate_hz), rate_hz, RATE_HZ)
    assert abs(len(found_T) - RATE_HZ) <= 1
    assert np.abs(found_T[:RATE_HZ] - _tone(RATE_HZ)[: len(found_T)])[500:-500].max() < 0.01


def test_blocks_give_the_whole_file() -> None:
    blocks = list(read_blocks(io.BytesIO(_file()), block_s=0.3))
    assert [len(block_TC) for block_TC in blocks] == [4800] * 6 + [3200]
    assert np.array_equal(np.concatenate(blocks)[:, 0] * 32768, SPEECH)


@pytest.mark.parametrize("stated", [0xFFFF_FFFF, 0x7FFF_F024])
def test_a_stream_of_unstated_length_is_no_truncated_file(stated: int) -> None:
    data = bytearray(_file())
    data[4:8] = data[40:44] = struct.pack("<I", stated)
    assert np.array_equal(read_audio(io.BytesIO(data)) * 32768, SPEECH)


def test_a_flac_stream_of_unstated_length_is_counted() -> None:
    data = bytearray(_file(format="FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    assert probe(io.BytesIO(data)).frames == 32_000
    assert np.array_equal(read_audio(io.BytesIO(data)) * 32768, SPEECH)
    assert np.array_equal(read_audio(io.BytesIO(data), start_s=0.5, duration_s=0.25) * 32768, SPEECH[8000:12_000])
    _error(bytes(data[: len(data) // 2]), AudioError, "cannot be decoded .*: it is damaged or cut short")


def test_times_rounded_to_milliseconds_may_pass_the_end() -> None:
    data = _file(SPEECH[:4321], 8000)  # 0.540125 s
    assert len(read_audio(io.BytesIO(data), 8000, start_s=0.0, duration_s=0.541)) == 4321


# ---- what is bad --------------------------------------------------------------------------------------------


def _error(data: bytes, kind: type[AudioError], message: str) -> None:
    for read in (probe, read_audio):
        with pytest.raises(kind, match=message) as caught:
            read(io.BytesIO(data))
        assert type(caught.value) is kind
        assert str(caught.value).startswith("the file ")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.999])
def test_truncated_wav(tmp_path: Path, kept: float) -> None:
    data = _file()
    cut = data[: int(len(data) * kept)]
    _error(
        cut, TruncatedAudioError, f"is truncated: its header says 64000 bytes of audio, the file has {len(cut) - 44}"
    )
    path = tmp_path / "cut.wav"
    path.write_bytes(cut)
    with pytest.raises(
        TruncatedAudioError, match=r"cut\.wav is truncated: .*; copy it again, or, if there is no more of it, "
    ):
        probe(path)


def test_truncated_rf64_and_ogg() -> None:
    _error(_file(format="RF64")[:40_000], TruncatedAudioError, "is truncated: its header says 64000 bytes")
    data = _file(format="OGG", subtype="VORBIS")
    _error(data[: len(data) * 2 // 3], TruncatedAudioError, "is truncated: its header says")


def test_truncated_mp3_and_flac_are_found_when_decoded() -> None:
    data = _file(format="MP3", subtype="MPEG_LAYER_III")
    with pytest.raises(TruncatedAudioError, match="its header says 32000 frames, decoding stopped after"):
        read_audio(io.BytesIO(data[: len(data) // 2]))
    data = _file(format="FLAC")
    with pytest.raises(AudioError, match="cannot be decoded .*: it is damaged or cut short; copy or export it again"):
        read_audio(io.BytesIO(data[: len(data) // 2]))


def test_nothing_in_it() -> None:
    _error(b"", EmptyAudioError, r"is empty \(0 bytes\)")
    _error(_file(np.zeros(0, np.int16)), EmptyAudioError, "has no samples")


def test_no_audio() -> None:
    _error(b"hello, this is text\n" * 100, AudioError, r"is not audio that can be read \(.*\); allowed: WAV, FLAC, OGG")
    _error(_file()[:30], AudioError, "is not audio that can be read")
    _error(b"RIFF\x10\0\0\0WAVE", AudioError, "is not audio that can be read")
    _error(b"\xff", AudioError, "is not audio that can be read")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(value: float) -> None:
    samples = np.zeros(1000, np.float32)
    samples[500] = value
    with pytest.raises(AudioError, match="has samples that are NaN or infinite; only finite samples are allowed"):
        read_audio(io.BytesIO(_file(samples, subtype="FLOAT")))


def test_other_formats_rates_and_channels() -> None:
    _error(
        _file(format="VOC"), UnsupportedAudioError, "is VOC audio; allowed: WAV, FLAC, OGG, OPUS, MP3, .*: convert it"
    )
    _error(_file(rate_hz=1999), UnsupportedAudioError, "a sample rate of 1999 Hz; allowed: 2000 to 192000 Hz")
    _error(_file(rate_hz=192_001), UnsupportedAudioError, "a sample rate of 192001 Hz")
    _error(_file(np.zeros((10, 65), np.int16)), UnsupportedAudioError, "has 65 channels; allowed: at most 64")


def test_mp3_of_varying_bit_rate_without_a_length() -> None:
    """libsndfile guesses the length from the first frame, and would cut 25 s of speech to 9."""
    sound = np.concatenate([SPEECH, np.zeros(10 * RATE_HZ, np.int16), SPEECH])
    file = io.BytesIO()
    soundfile.write(file, sound, RATE_HZ, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    whole = file.getvalue()
    assert len(read_audio(io.BytesIO(whole))) == len(sound)
    second_frame = whole.index(whole[:2], 40)
    without_tag = read_audio(io.BytesIO(whole[second_frame:]))
    assert 0 <= len(without_tag) - len(sound) < 3000  # in whole frames, with the encoder's delay
    loud = np.abs(without_tag) > 0.05
    assert loud[: 2 * RATE_HZ].any()
    assert loud[12 * RATE_HZ + 2000 :].any()


def test_mp3_of_constant_bit_rate_needs_no_stated_length() -> None:
    file = io.BytesIO()
    soundfile.write(file, SPEECH, RATE_HZ, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    data = file.getvalue()
    stream = b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + data[data.index(data[:2], 40) :] + b"TAG" + bytes(125)
    assert probe(io.BytesIO(stream)).doubts == ()
    assert abs(len(read_audio(io.BytesIO(stream))) - len(SPEECH)) < 3000  # in whole frames, with the encoder's delay


def test_a_wav_of_a_million_chunks_is_given_up_quickly() -> None:
    data = b"RIFF\xff\xff\xff\x7fWAVE" + b"junk\0\0\0\0" * 1_000_000
    with pytest.raises(AudioError):
        probe(io.BytesIO(data))


@pytest.mark.parametrize(("start_s", "duration_s"), [(2.0, None), (1.5, 0.51), (-0.1, 0.5), (0.0, 0.0), (0.5, -1.0)])
def test_a_segment_outside_the_file(start_s: float, duration_s: float | None) -> None:
    with pytest.raises(AudioError, match=r"the file lasts 2 s; found a segment from .*, which is not in it"):
        read_audio(io.BytesIO(_file()), start_s=start_s, duration_s=duration_s)


def test_a_path_with_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"cannot read .*absent\.wav: No such file or directory; give the path"):
        read_audio(tmp_path / "absent.wav")
    with pytest.raises(AudioError, match="Is a directory"):
        probe(tmp_path)
