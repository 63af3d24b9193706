"""WAV, FLAC, OGG Vorbis, Opus and MP3 of any rate and channel count, in an archive, as sound and as length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.audio.reading import read_audio
from engine.data.manifest import read_manifest
from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import tar_of
from tests.unit.engine.data.recordings import UNJUDGED, wav, zip_of

_LOSSLESS_HZ = (2_000, 8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000)
_RATES_HZ = {
    ("WAV", "PCM_U8"): (8_000, 44_100),
    ("WAV", "PCM_16"): _LOSSLESS_HZ,
    ("WAV", "PCM_24"): (16_000, 48_000),
    ("WAV", "PCM_32"): (16_000, 48_000),
    ("WAV", "FLOAT"): (16_000, 48_000),
    ("WAV", "DOUBLE"): (16_000,),
    ("WAV", "ULAW"): (8_000,),
    ("WAV", "ALAW"): (8_000,),
    ("WAV", "IMA_ADPCM"): (16_000,),
    ("WAV", "MS_ADPCM"): (16_000,),
    ("WAV", "GSM610"): (8_000,),
    ("RF64", "PCM_16"): (16_000,),
    ("FLAC", "PCM_16"): _LOSSLESS_HZ,
    ("FLAC", "PCM_24"): (16_000, 96_000),
    ("OGG", "VORBIS"): (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000),
    ("OGG", "OPUS"): (8_000, 12_000, 16_000, 24_000, 48_000),
    ("MP3", "MPEG_LAYER_III"): (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
}
_CHANNELS = {"WAV": (1, 2, 6, 16), "FLAC": (1, 2, 8), "OGG": (1, 2, 4), "MP3": (1, 2)}
_SHOWN = {"RF64": "WAV", "OGG": "OGG"}
_MONO = {"GSM610"}


@pytest.mark.parametrize(("container", "subtype"), _RATES_HZ)
def test_any_rate_and_channel_count(tmp_path: Path, container: str, subtype: str) -> None:
    """A tone of 440 Hz in the first channel, and half as loud in the second: the mean is what is kept."""
    files: dict[str, bytes] = {}
    rates_hz = _RATES_HZ[container, subtype]
    channels = (1,) if subtype in _MONO else _CHANNELS.get(container, (1, 2))
    if "ADPCM" in subtype:
        channels = (1, 2)
    levels = {}
    for rate_hz in rates_hz:
        time_T = np.arange(round(1.0 * rate_hz)) / rate_hz
        for count in channels:
            gains = np.array([0.6, 0.3, *[0.3] * 14])[:count]
            wave_TC = (np.sin(2 * np.pi * 440 * time_T)[:, None] * gains).astype(np.float32)
            files[f"hello_{rate_hz}_{count}.wav"] = wav(wave_TC, rate_hz, subtype, container)
            levels[f"hello_{rate_hz}_{count}"] = gains.mean()
    source = zip_of(tmp_path / "a.zip", files) if len(files) % 2 else tar_of(tmp_path / "a.tar.gz", files, "w:gz")
    report = ingest(source, tmp_path / "out", validation=UNJUDGED)
    assert report.set_aside == []
    assert report.items_good == len(files)
    assert sorted(report.rates_hz) == list(rates_hz)
    assert list(report.formats) == ["OPUS" if subtype == "OPUS" else _SHOWN.get(container, container)]
    for u in read_manifest(tmp_path / "out" / "manifest.jsonl"):
        wave_T = read_audio(tmp_path / "out" / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s)
        assert u.input.duration_s == pytest.approx(1.0, abs=0.05)  # blocks of ADPCM and GSM are filled up
        middle_T = wave_T[4000:12_000]
        level = float(np.sqrt(2 * np.mean(np.square(middle_T))))
        assert level == pytest.approx(levels[u.id], rel=0.12), u.id
        spectrum = np.abs(np.fft.rfft(middle_T * np.hanning(len(middle_T))))
        assert np.fft.rfftfreq(len(middle_T), 1 / 16_000)[spectrum.argmax()] == pytest.approx(440, abs=3), u.id
