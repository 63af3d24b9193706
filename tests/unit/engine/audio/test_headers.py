"""Headers that say too little, too much or nothing of the samples that follow them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from engine.audio.reading import hear, probe, read_audio
from engine.errors import AudioError, EmptyAudioError, TruncatedAudioError
from tests.unit.engine.audio.encoded import by_libsndfile, tone

SOUND = tone(2.0, 440)
WAV = by_libsndfile(SOUND)
RF64 = by_libsndfile(SOUND, format="RF64")
AIFF = by_libsndfile(SOUND, format="AIFF")
CAF = by_libsndfile(SOUND, format="CAF")
W64 = by_libsndfile(SOUND, format="W64")
AU = by_libsndfile(SOUND, format="AU")
SPHERE = by_libsndfile(SOUND, format="NIST")
SAMPLES = read_audio(io.BytesIO(WAV))


def _with(data: bytes, *changes: tuple[int, bytes]) -> bytes:
    changed = bytearray(data)
    for at, new in changes:
        changed[at : at + len(new)] = new
    return bytes(changed)


ZERO, ALL = bytes(4), b"\xff" * 4
OPEN = {
    "data 0": _with(WAV, (40, ZERO)),
    "both 0": _with(WAV, (4, ZERO), (40, ZERO)),
    "data and riff of an empty file": _with(WAV, (4, struct.pack("<I", 36)), (40, ZERO)),
    "all bits": _with(WAV, (4, ALL), (40, ALL)),
    "2 GiB": _with(WAV, (4, ALL), (40, struct.pack("<I", 0x7FFF_FFFF))),
    "of a while ago": _with(WAV, (4, struct.pack("<I", 20_036)), (40, struct.pack("<I", 20_000))),
    "rf64 0": _with(RF64, (RF64.index(b"ds64") + 8, bytes(24))),
    "rf64 all bits": _with(RF64, (RF64.index(b"ds64") + 8, b"\xff" * 24)),
    "aiff 0": _with(AIFF, (4, ZERO), (AIFF.index(b"SSND") + 4, ZERO), (AIFF.index(b"COMM") + 10, ZERO)),
    "caf -1": _with(CAF, (CAF.index(b"data") + 4, b"\xff" * 8)),
    "caf 0": _with(CAF, (CAF.index(b"data") + 4, bytes(8))),
    "w64 0": _with(W64, (16, bytes(8)), (W64.index(b"data") + 16, bytes(8))),
    "au unknown": _with(AU, (8, ALL)),
    "au 0": _with(AU, (8, ZERO)),
    "au of a while ago": _with(AU, (8, struct.pack(">I", 20_000))),
}


@pytest.mark.parametrize("kind", OPEN)
def test_samples_up_to_the_end_are_read_with_a_doubt(kind: str) -> None:
    heard = hear(io.BytesIO(OPEN[kind]))
    assert np.array_equal(heard.wave_T, SAMPLES)
    assert [doubt.code for doubt in heard.doubts] == ["open_length"]
    assert "the 64000 bytes up to the end were read" in heard.doubts[0].reason
    assert probe(io.BytesIO(OPEN[kind])).frames == 32_000


@pytest.mark.parametrize("data", [WAV, RF64, AIFF, CAF, W64, AU, SPHERE])
def test_whole_and_cut_files_are_told_apart(data: bytes) -> None:
    heard = hear(io.BytesIO(data))
    assert (np.array_equal(heard.wave_T, SAMPLES), heard.doubts) == (True, ())
    for cut in (data[: len(data) // 2], data[:-2]):
        with pytest.raises(
            TruncatedAudioError, match="is truncated: its header says 64000 bytes of audio, the file has"
        ):
            probe(io.BytesIO(cut))


@pytest.mark.parametrize(
    "tail",
    [
        b"LIST" + struct.pack("<I", 6) + b"INFOxx",
        b"id3 " + struct.pack("<I", 5) + b"12345\0",
        b"ID3\4" + b"x" * 200,
        b"TAG" + b"x" * 125,
        bytes(1000),
        b"\0",
    ],
)
def test_chunks_and_tags_behind_the_samples_are_no_samples(tail: bytes) -> None:
    heard = hear(io.BytesIO(WAV + tail))
    assert (np.array_equal(heard.wave_T, SAMPLES), heard.doubts) == (True, ())


def test_a_wav_without_samples_is_empty() -> None:
    for tail in (b"", b"LIST" + struct.pack("<I", 6) + b"INFOxx"):
        with pytest.raises(EmptyAudioError, match="has no samples"):
            probe(io.BytesIO(_with(WAV[:44], (40, ZERO)) + tail))


def test_a_chunk_of_an_odd_size_with_and_without_its_padding() -> None:
    for padding in (b"", b"\0"):
        odd = b"LIST" + struct.pack("<I", 5) + b"INFOx" + padding
        data = WAV[:12] + odd + WAV[12:36] + odd + WAV[36:]
        heard = hear(io.BytesIO(data))
        assert (np.array_equal(heard.wave_T, SAMPLES), heard.doubts) == (True, ())


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        ("WAV", "ALAW"),
        ("WAV", "ULAW"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("WAV", "DOUBLE"),
        ("WAV", "PCM_U8"),
        ("WAVEX", "PCM_24"),
        ("WAV", "IMA_ADPCM"),
        ("WAV", "MS_ADPCM"),
        ("WAV", "G721_32"),
        ("WAV", "GSM610"),
        ("W64", "GSM610"),
        ("AIFF", "GSM610"),
        ("AU", "G721_32"),
        ("CAF", "ALAC_16"),
    ],
)
def test_codecs_in_containers(format: str, subtype: str) -> None:
    rate_hz = 8_000 if subtype == "GSM610" else 16_000
    sound = tone(2.0, 440, rate_hz)
    data = by_libsndfile(sound, rate_hz, format, subtype)
    heard = hear(io.BytesIO(data), rate_hz)
    assert heard.doubts == ()
    assert 0 <= len(heard.wave_T) - len(sound) <= 600  # blocks of a codec are whole
    assert np.abs(heard.wave_T[: len(sound)] - sound)[500:-500].max() < 0.1
    part = read_audio(io.BytesIO(data), rate_hz, start_s=0.5, duration_s=1.0)
    assert np.array_equal(part, heard.wave_T[rate_hz // 2 : rate_hz // 2 + rate_hz])
    with pytest.raises(AudioError, match="truncated|cut short"):
        read_audio(io.BytesIO(data[: len(data) * 2 // 3]), rate_hz)
