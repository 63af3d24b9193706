"""Joined files are read to the end."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from engine.audio.mpeg import read_mp3
from engine.audio.reading import Heard, can_cut, decode_once, hear, read_audio
from engine.data.validation.bitstream import check_bitstream
from engine.errors import AudioError, TruncatedAudioError, UnsupportedAudioError
from tests.unit.engine.audio.encoded import by_ffmpeg, by_libsndfile, frequencies, tone

FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
LOW, HIGH = tone(2.0, 400), tone(1.0, 800)
MP3 = by_libsndfile(LOW, format="MP3", subtype="MPEG_LAYER_III")
SECOND_MP3 = by_libsndfile(HIGH, format="MP3", subtype="MPEG_LAYER_III")
ID3 = b"ID3\4\0\0\0\0\0\x0a" + bytes(10)
ID3_AT_END = b"TAG" + b"title".ljust(125, b"\0")
APE = b"APETAGEX" + struct.pack("<IIIIQ", 2000, 32, 0, 0, 0)


def _hear(data: bytes) -> Heard:
    return hear(io.BytesIO(data))


def _codes(heard: Heard) -> list[str]:
    return [doubt.code for doubt in heard.doubts]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("second", ["same", "lower rate", "two channels"])
def test_all_of_the_recordings_are_read(kind: str, second: str) -> None:
    format, subtype = FORMATS[kind]
    other = {
        "same": lambda: by_libsndfile(HIGH, 16_000, format, subtype),
        "lower rate": lambda: by_libsndfile(tone(1.0, 800, 8_000), 8_000, format, subtype),
        "two channels": lambda: by_libsndfile(np.stack([HIGH, HIGH], axis=1), 16_000, format, subtype),
    }[second]()
    whole = by_libsndfile(LOW, 16_000, format, subtype) + other
    heard = _hear(whole)
    assert _codes(heard) == ["joined_audio"]
    assert "it holds 2 joined recordings; all of them were read" in heard.doubts[0].reason
    assert len(heard.wave_T) == heard.info.frames == 48_000
    assert frequencies(heard.wave_T)[:12] == pytest.approx([400] * 8 + [800] * 4, abs=4)
    assert read_audio(io.BytesIO(whole), start_s=2.25, duration_s=0.5) == pytest.approx(heard.wave_T[36_000:44_000])
    # Rows with times take their parts from the whole.
    assert not can_cut(io.BytesIO(whole))
    decoded = decode_once(io.BytesIO(whole), io.BytesIO())
    assert read_audio(decoded, start_s=2.25, duration_s=0.5) == pytest.approx(heard.wave_T[36_000:44_000])


@pytest.mark.parametrize("between", [b"", ID3, ID3_AT_END, APE + ID3_AT_END + ID3, bytes(500)])
def test_tags_between_joined_mp3_are_no_sound(between: bytes) -> None:
    heard = _hear(ID3 + MP3 + between + SECOND_MP3 + ID3_AT_END)
    assert (_codes(heard), len(heard.wave_T)) == (["joined_audio"], 48_000)
    assert frequencies(heard.wave_T)[:12] == pytest.approx([400] * 8 + [800] * 4, abs=4)
    check_bitstream(io.BytesIO(ID3 + MP3 + between + SECOND_MP3 + ID3_AT_END))


def test_a_part_without_a_tag_of_its_own() -> None:
    frames = SECOND_MP3[SECOND_MP3.index(SECOND_MP3[:2], 40) :]
    heard = _hear(MP3 + frames)
    assert _codes(heard) == ["open_length"]
    assert "its header says" in heard.doubts[0].reason
    assert frequencies(heard.wave_T)[1:12] == pytest.approx([400] * 7 + [800] * 4, abs=4)
    assert 48_000 <= len(heard.wave_T) < 48_000 + 6_000  # with the delays of both encoders


def test_a_tag_at_the_end_leaves_a_file_as_it_is() -> None:
    plain = read_audio(io.BytesIO(MP3))
    for tail in (APE, ID3_AT_END, bytes(300), APE + ID3_AT_END):
        heard = _hear(MP3 + tail)
        assert heard.doubts == ()
        assert np.array_equal(heard.wave_T, plain)
        check_bitstream(io.BytesIO(MP3 + tail))


def test_what_stands_behind_the_last_stated_frame_is_named() -> None:
    junk = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8).tobytes()
    heard = _hear(MP3 + junk)
    assert [doubt.reason for doubt in heard.doubts] == [
        "5000 bytes after its last frame are not audio; they were ignored"
    ]
    assert np.array_equal(heard.wave_T, read_audio(io.BytesIO(MP3)))
    check_bitstream(io.BytesIO(MP3 + junk))
    heard = _hear(MP3 + junk + SECOND_MP3)  # what is between two recordings may be a part of one
    assert (_codes(heard), len(heard.wave_T)) == (["damaged_audio", "joined_audio"], 48_000)


def test_frames_of_an_mp3_are_counted() -> None:
    found = read_mp3(io.BytesIO(MP3 + SECOND_MP3))
    assert [(part.has_tag, part.frames == part.stated, part.is_plain) for part in found.parts] == [
        (True, True, True)
    ] * 2
    assert (found.damage, found.cut, found.behind) == (None, None, 0)


def test_a_stream_in_a_pipe_may_hold_several_wav() -> None:
    data = bytearray(by_libsndfile(LOW))
    data[4:8] = data[40:44] = b"\xff" * 4
    heard = _hear(bytes(data) + by_libsndfile(HIGH))
    assert (_codes(heard), len(heard.wave_T)) == (["open_length", "joined_audio"], 48_000)
    assert np.abs(heard.wave_T[32_000:] - HIGH).max() < 1e-4  # no header is taken for sound


def _wav_of_mp3(frames: bytes, fact: int) -> bytes:
    """A WAV that holds MP3 frames, as telephone recorders write them."""
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, 16_000, 2_000, 1, 0, 12, 1, 2, 72, 1, 0)
    chunks = (b"fmt ", form), (b"fact", struct.pack("<I", fact)), (b"data", frames)
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def test_the_delay_of_an_encoder_in_a_wav_is_no_loss() -> None:
    data = by_ffmpeg(LOW, "wav", "libmp3lame")
    heard = _hear(data)
    assert heard.doubts == ()
    assert 32_000 <= len(heard.wave_T) == heard.info.frames < 32_000 + 3_000
    assert frequencies(heard.wave_T)[1:7] == pytest.approx([400] * 6, abs=4)
    check_bitstream(io.BytesIO(data))


@pytest.mark.parametrize("fact", [0, 32_000, 10_000_000])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_mp3_in_a_wav_is_read_to_its_end(mode: str, fact: int) -> None:
    """Decoders guess its length from the first frame, or believe a fact that is none."""
    file = io.BytesIO()
    sound = np.concatenate([LOW, np.zeros(80_000, np.float32), HIGH])
    soundfile.write(file, sound, 16_000, format="MP3", bitrate_mode=mode, compression_level=0.5)
    frames = file.getvalue()[file.getvalue().index(file.getvalue()[:2], 40) :]
    heard = _hear(_wav_of_mp3(frames, fact))
    assert heard.doubts == ()
    assert 128_000 <= len(heard.wave_T) < 128_000 + 3_500
    found = [f for f in frequencies(heard.wave_T) if f]
    assert found[:7] + found[-3:] == pytest.approx([400] * 7 + [800] * 3, abs=8)


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("ipod", "aac"),
        ("mp4", "libmp3lame"),
        ("matroska", "flac"),
        ("amr", "libopencore_amrnb"),
        ("adts", "aac"),
        ("wv", "wavpack"),
    ],
)
def test_joined_files_that_ffmpeg_reads(container: str, codec: str) -> None:
    rate_hz = 8_000 if container == "amr" else 16_000
    first, second = (by_ffmpeg(tone(s, hz, rate_hz), container, codec, rate_hz) for s, hz in ((2.0, 400), (1.0, 800)))
    heard = _hear(first + second)
    # ADTS has no header: its frames go on.
    assert _codes(heard) == ([] if container == "adts" else ["joined_audio"])
    assert 48_000 - 100 < len(heard.wave_T) < 48_000 + 6_000
    found = frequencies(heard.wave_T)
    assert found[1:7] + found[9:12] == pytest.approx([400] * 6 + [800] * 3, abs=4)


def test_recordings_of_a_browser_that_were_joined() -> None:
    live = {"live": "1"}
    parts = [by_ffmpeg(tone(s, hz, 48_000), "webm", "libopus", 48_000, live) for s, hz in ((2.0, 400), (1.0, 800))]
    assert _codes(_hear(parts[0])) == ["open_length"]
    heard = _hear(parts[0] + parts[1])
    assert _codes(heard) == ["open_length", "joined_audio"]
    assert frequencies(heard.wave_T)[1:12] == pytest.approx([400] * 7 + [800] * 4, abs=4)


@pytest.mark.parametrize("format", ["AIFF", "AU", "W64", "CAF"])
def test_joined_files_with_samples(format: str) -> None:
    heard = _hear(by_libsndfile(LOW, format=format) + by_libsndfile(HIGH, format=format))
    assert (_codes(heard), len(heard.wave_T)) == (["joined_audio"], 48_000)
    assert np.abs(heard.wave_T[32_000:] - HIGH).max() < 1e-4


@pytest.mark.parametrize("kind", ["AAC", "FLAC", "WAV", "OGG"])
def test_a_tag_of_mp3_in_front_of_another_format(kind: str) -> None:
    data = by_ffmpeg(LOW, "adts", "aac") if kind == "AAC" else by_libsndfile(LOW, format=kind, subtype=None)
    heard = _hear(ID3 + data)
    assert (heard.info.format, heard.doubts) == (kind, ())
    assert np.array_equal(heard.wave_T, _hear(data).wave_T)
    assert len(_hear(ID3 + data + data).wave_T) == 2 * len(_hear(data).wave_T) or kind == "AAC"


@pytest.mark.parametrize("tail", [APE, APE + ID3_AT_END, ID3_AT_END])
def test_tags_behind_other_formats(tail: bytes) -> None:
    for data in (by_ffmpeg(LOW, "wv", "wavpack"), by_ffmpeg(LOW, "adts", "aac"), by_libsndfile(LOW, format="FLAC")):
        heard = _hear(data + tail)
        assert heard.doubts == ()
        assert np.array_equal(heard.wave_T, _hear(data).wave_T)


def test_a_file_of_very_many_recordings_is_refused() -> None:
    for format in ("AU", "FLAC"):
        with pytest.raises(UnsupportedAudioError, match="holds more than 1000 joined recordings, the maximum"):
            _hear(by_libsndfile(tone(0.01, 400), format=format) * 1_200)


def test_a_part_that_is_cut_short_is_found() -> None:
    for format, subtype in FORMATS.values():
        first, second = (by_libsndfile(wave, 16_000, format, subtype) for wave in (LOW, tone(3.0, 800)))
        with pytest.raises(AudioError, match="truncated|cut short"):
            _hear(first + second[: len(second) // 2])


def test_sound_that_is_lost_in_a_wav_is_no_delay() -> None:
    data = by_ffmpeg(LOW, "wav", "libmp3lame")
    damaged = data[: len(data) // 2] + b"lost" * 50 + data[len(data) // 2 + 200 :]
    assert _codes(_hear(damaged)) == ["damaged_audio"]
    with pytest.raises(AudioError, match="the MP3 is damaged: no frame begins after frame"):
        check_bitstream(io.BytesIO(damaged))
    with pytest.raises(TruncatedAudioError, match="is truncated: its header says"):
        _hear(data[: len(data) // 2])
