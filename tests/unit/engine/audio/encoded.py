"""Recordings in the formats of people, made by libsndfile and by FFmpeg's libraries."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
import soundfile
from av.audio.stream import AudioStream

Wave = npt.NDArray[np.float32]


def tone(duration_s: float, hz: float, rate_hz: int = 16_000) -> Wave:
    """A sine of amplitude 0.3."""
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz)).astype(np.float32)


def by_libsndfile(
    wave: npt.NDArray[np.generic], rate_hz: int = 16_000, format: str = "WAV", subtype: str | None = "PCM_16"
) -> bytes:
    """A file of wave_T or wave_TC."""
    file = io.BytesIO()
    soundfile.write(file, wave, rate_hz, format=format, subtype=subtype)
    return file.getvalue()


def by_ffmpeg(
    tracks: Wave | list[Wave],
    container: str,
    codec: str,
    rate_hz: int = 16_000,
    options: Mapping[str, str] | None = None,
    path: Path | None = None,
    title: str = "",
) -> bytes:
    """A file of one track or several, each wave_T or, of two channels, wave_TC; at a path, if one is given."""
    file = io.BytesIO()
    with av.open(path or file, "w", format=container, options=dict(options or {})) as out:
        if title:
            out.metadata["title"] = title
        waves = tracks if isinstance(tracks, list) else [tracks]
        layouts = ["mono" if wave.ndim == 1 else "stereo" for wave in waves]
        streams = [cast(AudioStream, out.add_stream(codec, rate=rate_hz, **_layout(layout))) for layout in layouts]
        for wave, layout, stream in zip(waves, layouts, streams, strict=True):
            wave_CT = np.ascontiguousarray(np.atleast_2d(wave.T), dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(wave_CT, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate_hz, 0
            context = stream.codec_context
            if codec == "wmav2":  # it has no bit rate of its own
                context.bit_rate = 64_000
            resampler = av.AudioResampler(
                format=context.format, layout=layout, rate=rate_hz, frame_size=context.frame_size or None
            )
            for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
                out.mux(stream.encode(piece))
    return file.getvalue()


def _layout(layout: str) -> dict[str, Any]:
    return {"layout": layout}


def frequencies(wave_T: Wave, rate_hz: int = 16_000, part_s: float = 0.25) -> list[float]:
    """The strongest frequency of each part of a wave, in Hz; 0 where it is silent."""
    part = round(part_s * rate_hz)
    found = []
    for at in range(0, len(wave_T) - part + 1, part):
        spectrum = np.abs(np.fft.rfft(wave_T[at : at + part] * np.hanning(part)))
        loud = np.abs(wave_T[at : at + part]).max() > 0.01
        found.append(round(float(spectrum.argmax()) / part_s) if loud else 0.0)
    return found
