"""Read audio files, whole or a segment, as mono float32, with libsndfile and FFmpeg's libraries.

Legend: T is samples over time, C channels. Samples are in [-1, 1], though lossy and float files may go beyond.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import soundfile

from engine.audio.doubts import AudioDoubt
from engine.audio.opening import Decoded, OpenAudio, Source, check_length, is_whole_and_plain, mono, opened
from engine.audio.resampling import Wave, resample
from engine.audio.sound import AudioInfo, Block
from engine.errors import AudioError, UnsupportedAudioError

__all__ = [
    "AudioInfo",
    "Decoded",
    "Heard",
    "OpenAudio",
    "Source",
    "Wave",
    "can_cut",
    "decode_once",
    "hear",
    "opened",
    "probe",
    "read_audio",
    "read_blocks",
    "resample",
]

_SLACK_S = 0.002  # times in a manifest may be rounded to milliseconds
_MAX_SPOOLED_SAMPLES = 1 << 32  # 16 GiB


@dataclass(frozen=True, slots=True)
class Heard:
    """Audio read from a file."""

    wave_T: Wave
    """Mono samples at the requested rate."""
    info: AudioInfo
    """The file's metadata."""
    doubts: tuple[AudioDoubt, ...]
    """Oddities to report to the user."""


def probe(source: Source) -> AudioInfo:
    """A file's metadata. Decodes samples only if the file does not reliably state its length.

    Raises:
        EmptyAudioError: no bytes or no samples.
        TruncatedAudioError: the header states more data than the file has.
        UnsupportedAudioError: a format, rate or channel count that is not supported.
        AudioError: no such file, or not audio.
    """
    with opened(source) as sound:
        return sound.info


def read_audio(source: Source, rate_hz: int = 16_000, start_s: float = 0.0, duration_s: float | None = None) -> Wave:
    """A segment of a file as mono samples at `rate_hz`. In WAV and FLAC only the segment is read and decoded.

    Channels are averaged, unless they cancel each other or one of them is noise. A file at `rate_hz` keeps its samples
    exactly. Formats without reliable seeking are decoded from the beginning, so that a segment has exactly the same
    samples as that part of the whole file. `hear` also returns oddities of the file.

    Args:
        source: path or open binary file.
        rate_hz: sample rate of the result.
        start_s: start of the segment in seconds.
        duration_s: its length in seconds; None reads to the end.

    Returns:
        wave_T: float32, about [-1, 1].

    Raises:
        EmptyAudioError: no bytes or no samples.
        TruncatedAudioError: the file is shorter than its header states.
        UnsupportedAudioError: a format, rate or channel count that is not supported.
        AudioError: no such file, not audio, a segment outside the file, or samples that are not numbers.
    """
    return hear(source, rate_hz, start_s, duration_s).wave_T


def hear(source: Source, rate_hz: int = 16_000, start_s: float = 0.0, duration_s: float | None = None) -> Heard:
    """As `read_audio`, with the file's metadata and oddities."""
    with opened(source) as sound:
        info = sound.info
        start, frames = _segment(info, start_s, duration_s, sound.name)
        wave_T, doubts = mono(sound, start, frames)
        check_length(sound, len(wave_T), start, frames)
    if not np.isfinite(wave_T).all():
        raise AudioError(
            f"{sound.name} has samples that are NaN or infinite; only finite samples are allowed: export it again"
        )
    return Heard(resample(wave_T, info.rate_hz, rate_hz), info, (*info.doubts, *doubts))


def can_cut(source: Source) -> bool:
    """Whether a part of a file can be decoded without everything before it, and the file's header is correct.

    Raises:
        AudioError: as `probe`.
    """
    with opened(source) as sound:
        return is_whole_and_plain(sound, source)


def decode_once(source: Source, target: BinaryIO) -> Decoded:
    """Decode a whole file into another one, in bounded memory, so that its parts can be read directly.

    The samples are unchanged: floats, all channels, at the file's own rate.

    Raises:
        UnsupportedAudioError: the file has more than 2^32 samples.
        AudioError: as `read_audio`, except that samples are not checked.
    """
    with opened(source) as sound:
        info, found = sound.info, 0
        if info.frames * info.channels > _MAX_SPOOLED_SAMPLES:
            raise UnsupportedAudioError(
                f"{sound.name} is too long for its parts to be read ({info.duration_s / 3600:.1f} h, {info.channels} "
                "channels): convert it to a WAV of one channel, or split it"
            )
        with soundfile.SoundFile(target, "w", info.rate_hz, info.channels, "FLOAT", format="RF64") as decoded:
            for block_TC in sound.blocks(0, info.frames):
                decoded.write(block_TC)
                found += len(block_TC)
        check_length(sound, found, 0, info.frames)
    return Decoded(target, info)


def read_blocks(source: Source, block_s: float = 1.0) -> Iterator[Block]:
    """A file's samples at its own rate, block by block, in bounded memory.

    Yields:
        block_TC: float32, all channels, at most `block_s` seconds; shorter where a block of the decoder ends.

    Raises:
        AudioError: as `read_audio`, except that samples are not checked.
    """
    with opened(source) as sound:
        frames = max(1, round(block_s * sound.info.rate_hz))
        for whole_TC in sound.blocks(0, sound.info.frames):
            for at in range(0, len(whole_TC), frames):
                yield whole_TC[at : at + frames]


def _segment(info: AudioInfo, start_s: float, duration_s: float | None, name: str) -> tuple[int, int]:
    """First frame and frame count of a segment at the file's own rate."""
    start = round(start_s * info.rate_hz)
    frames = info.frames - start if duration_s is None else round(duration_s * info.rate_hz)
    slack = round(_SLACK_S * info.rate_hz)
    if start_s < 0 or frames <= 0 or start >= info.frames or start + frames > info.frames + slack:
        asked = "to the end" if duration_s is None else f"for {duration_s:g} s"
        raise AudioError(
            f"{name} lasts {info.duration_s:g} s; found a segment from {start_s:g} s {asked}, which is not in it"
        )
    return start, min(frames, info.frames - start)
