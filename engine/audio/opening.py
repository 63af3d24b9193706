"""Open an audio file: choose its decoder, and join several recordings in one file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.audio.channels import ChannelLevels, Mix
from engine.audio.doubts import AudioDoubt
from engine.audio.parts import Part, Parts, read_parts
from engine.audio.pieces import made_of, size_of
from engine.audio.resampling import Wave, resample
from engine.audio.sound import (
    AudioInfo,
    Block,
    SndfileSound,
    Sound,
    StreamSound,
    open_ffmpeg,
    open_sndfile,
    with_info,
)
from engine.errors import AudioError, EmptyAudioError, TruncatedAudioError

_BY_FFMPEG = ("MP4", "MATROSKA", "AAC", "AMR", "WMA", "AVI", "WAVPACK")
_ALSO_BY_FFMPEG = ("WAV", "OGG", "CAF", "AIFF")  # containers with codecs that libsndfile does not know
_HELD_SAMPLES = 1 << 24  # samples kept while the mix is chosen, over all channels; a longer file is decoded twice


@dataclass(frozen=True, slots=True)
class Decoded:
    """An already examined or decoded file, of which any part can be read directly."""

    file: BinaryIO
    """Its samples, in a seekable format."""
    info: AudioInfo
    """The original file's metadata."""


OpenAudio = SndfileSound | StreamSound
"""A file returned by `opened`; reads do not open it again."""
Source = Path | str | BinaryIO | Decoded | OpenAudio
"""A path, an open seekable binary file (read from its beginning), a result of `decode_once`, or an opened file."""


@contextmanager
def opened(source: Source) -> Iterator[OpenAudio]:
    """Open a file.

    Raises:
        AudioError: as `engine.audio.reading.probe`.
    """
    with ExitStack() as stack:
        if isinstance(source, SndfileSound | StreamSound):
            yield source
            return
        if isinstance(source, Decoded):
            known = with_info(open_sndfile(source.file, "the file", True, ()), source.info)
            stack.callback(known.close)
            yield known
            return
        if isinstance(source, str | Path):
            name = str(source)
            try:
                raw: BinaryIO = stack.enter_context(Path(source).open("rb", buffering=0))
            except OSError as error:
                raise AudioError(f"cannot read {name}: {error.strerror}; give the path of an audio file") from error
        else:
            name = source.name if isinstance(getattr(source, "name", None), str) else "the file"
            raw = source
        size = size_of(raw)
        if not size:
            raise EmptyAudioError(f"{name} is empty (0 bytes); copy or record it again")
        found = read_parts(raw, size, name)
        target = source if isinstance(source, str | Path) else raw
        sounds: list[OpenAudio] = []
        for part in found.parts:
            sounds.append(_part(target, raw, part, found, name))
            stack.callback(sounds[-1].close)
        yield sounds[0] if len(sounds) == 1 else _joined(sounds, found, name)


def is_whole_and_plain(sound: Sound, source: Source) -> bool:
    """Whether libsndfile reads the file as it is, so that later reads can skip the examination."""
    return sound.can_seek and getattr(sound, "target", None) is source


def mono(sound: Sound, start: int, frames: int) -> tuple[Wave, tuple[AudioDoubt, ...]]:
    """Mix a segment to mono: wave_T, and doubts about the channels. Memory grows with the samples that are decoded."""
    blocks = sound.blocks(start, frames)
    mix = Mix()
    if sound.info.channels > 1:
        levels = ChannelLevels(sound.info.rate_hz)
        held: list[Block] = []
        is_held = frames * sound.info.channels <= _HELD_SAMPLES
        for block_TC in blocks:
            levels.add(block_TC)
            if is_held:
                held.append(block_TC)
        mix = levels.choose()
        blocks = iter(held) if is_held else sound.blocks(start, frames)
    waves = [mix.mono(block_TC) for block_TC in blocks]
    if len(waves) == 1:
        return np.ascontiguousarray(waves[0]), mix.doubts
    return np.concatenate(waves) if waves else np.zeros(0, np.float32), mix.doubts


def _part(target: Path | str | BinaryIO, raw: BinaryIO, part: Part, found: Parts, name: str) -> OpenAudio:
    if part.pieces is not None:
        raw = target = made_of(raw, part.pieces)
    if found.format in _BY_FFMPEG:
        return open_ffmpeg(raw, found.format, name, found.doubts)
    try:
        return open_sndfile(target, name, part.length == "stated", found.doubts)
    except AudioError as error:
        if type(error) is not AudioError or found.format not in _ALSO_BY_FFMPEG:
            raise
        try:
            return open_ffmpeg(raw, found.format, name, found.doubts)
        except AudioError:
            raise error from None


def _joined(sounds: Sequence[Sound], found: Parts, name: str) -> StreamSound:
    """Join recordings at the highest of their sample rates, each mixed to mono separately."""
    rate_hz = max(sound.info.rate_hz for sound in sounds)
    frames = sum(math.ceil(sound.info.frames * rate_hz / sound.info.rate_hz) for sound in sounds)
    first = sounds[0].info
    rates = sorted({sound.info.rate_hz for sound in sounds})
    doubts = found.doubts
    if len(rates) > 1:
        shown = " and ".join(f"{rate} Hz" for rate in rates)
        doubts = tuple(
            d._replace(reason=f"{d.reason}, brought from {shown} to one rate") if d.code == "joined_audio" else d
            for d in doubts
        )

    def decode() -> Iterator[Block]:
        for sound in sounds:
            wave_T, _ = mono(sound, 0, sound.info.frames)
            check_length(sound, len(wave_T), 0, sound.info.frames)
            yield resample(wave_T, sound.info.rate_hz, rate_hz)[:, None]

    info = replace(first, rate_hz=rate_hz, channels=1, frames=frames, duration_s=frames / rate_hz, doubts=doubts)
    return StreamSound(name, info, decode)


def check_length(sound: Sound, found: int, start: int, frames: int) -> None:
    """Check that decoding produced as many frames as the file states.

    Raises:
        TruncatedAudioError: decoding produced fewer.
    """
    if found < frames and sound.is_length_sure:
        raise TruncatedAudioError(
            f"{sound.name} is truncated: its header says {sound.info.frames} frames, decoding stopped after "
            f"{start + found}; copy or record it again"
        )
