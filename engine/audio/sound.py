"""A file opened for reading: its metadata, and its samples block by block.

libsndfile reads every file that it can read in full; FFmpeg's libraries read the rest.

Legend: T samples over time, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from engine.audio.doubts import AudioDoubt
from engine.audio.formats import ALLOWED
from engine.errors import AudioError, EmptyAudioError, UnsupportedAudioError

MIN_RATE_HZ, MAX_RATE_HZ = 2_000, 192_000
MAX_CHANNELS = 64
BLOCK_SAMPLES = 1 << 18
"""Samples decoded per block, over all channels: 1 MiB."""

Block = npt.NDArray[np.float32]
"""block_TC."""

_FORMAT_NAMES = {
    "WAV": "WAV", "WAVEX": "WAV", "RF64": "WAV", "FLAC": "FLAC", "OGG": "OGG", "MP3": "MP3", "MPEG": "MP3", "AIFF": "AIFF",
    "AU": "AU", "CAF": "CAF", "W64": "W64", "NIST": "SPHERE",
}  # fmt: skip
# An MP3 frame needs the frames before it; in the last pages of a Vorbis stream libsndfile 1.2.2 silently seeks to the
# wrong place; an Opus decoder needs some hundred milliseconds to settle. All are decoded from the beginning instead.
_SAMPLES = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_UNKNOWN_FRAMES = 1 << 60  # libsndfile reports far more than this if a header leaves the length open
_MAX_COUNTED_SAMPLES = 1 << 28  # decoded to find such a length, over all channels: over an hour of speech


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """A file's metadata."""

    rate_hz: int
    """Sample rate."""
    channels: int
    """Channel count."""
    frames: int
    """Length in samples per channel."""
    duration_s: float
    """Length in seconds."""
    format: str
    """One of `engine.audio.formats.FORMATS`."""
    doubts: tuple[AudioDoubt, ...] = ()
    """Oddities of a file that can be read nevertheless."""


class Sound(Protocol):
    """An open file."""

    name: str
    info: AudioInfo
    can_seek: bool
    """Whether a part can be decoded without everything before it."""
    is_length_sure: bool
    """Whether fewer decoded frames than `info.frames` mean that the file is truncated."""

    def blocks(self, start: int, frames: int) -> Iterator[Block]:
        """Yield up to `frames` frames from `start`; may be called repeatedly."""
        ...

    def close(self) -> None:
        """Close the files opened for this sound."""
        ...


class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is only read forwards.

    soundfile seeks after each read of a seekable file. In an MP3 this loses the frames that the next one depends on,
    which gives wrong samples; at the end of a FLAC stream of unstated length it fails.
    """

    def seekable(self) -> bool:
        """Always False, although the file can seek before the first read."""
        return False


@dataclass(slots=True)
class SndfileSound:
    """A file that libsndfile reads."""

    name: str
    info: AudioInfo
    can_seek: bool
    is_length_sure: bool
    target: Path | str | BinaryIO
    fresh: SequentialFile | None
    """The open file, while nothing has been read from it."""

    def blocks(self, start: int, frames: int) -> Iterator[Block]:
        """See `Sound`."""
        file, self.fresh = self.fresh or sndfile(self.target, self.name), None
        with file:
            with decoding(self.name):
                if start and self.can_seek:
                    file.seek(start)
                elif start:
                    _count(file, start)
            step = max(1, BLOCK_SAMPLES // self.info.channels)
            while frames > 0:
                with decoding(self.name):
                    block_TC = file.read(min(step, frames), dtype="float32", always_2d=True)
                if not len(block_TC):
                    return
                yield block_TC
                frames -= len(block_TC)

    def close(self) -> None:
        """See `Sound`."""
        if self.fresh is not None:
            self.fresh.close()


@dataclass(slots=True)
class StreamSound:
    """Audio that is decoded from its beginning: by FFmpeg's libraries, or from several parts."""

    name: str
    info: AudioInfo
    decode: Callable[[], Iterator[Block]]
    can_seek: bool = False
    is_length_sure: bool = False

    def blocks(self, start: int, frames: int) -> Iterator[Block]:
        """See `Sound`."""
        end, at = start + frames, 0
        for block_TC in self.decode():
            inside_TC = block_TC[max(0, start - at) : max(0, end - at)]
            at += len(block_TC)
            if len(inside_TC):
                yield inside_TC
            if at >= end:
                return

    def close(self) -> None:
        """See `Sound`."""


def open_sndfile(
    target: Path | str | BinaryIO, name: str, is_stated: bool, doubts: tuple[AudioDoubt, ...]
) -> SndfileSound:
    """Open a file that libsndfile reads.

    Args:
        target: a path, which is read faster than a Python file, or an open file.
        name: of the file, for messages.
        is_stated: whether the file states its length.
        doubts: oddities found so far.

    Raises:
        EmptyAudioError: no samples.
        UnsupportedAudioError: a format, rate or channel count that is not supported, or a long file of unstated length.
        AudioError: not audio.
    """
    with ExitStack() as stack:
        file = stack.enter_context(sndfile(target, name))
        format_name = _checked_format(file, name)
        check_rate_and_channels(file.samplerate, file.channels, name)
        frames, subtype = file.frames, file.subtype
        is_open = frames > _UNKNOWN_FRAMES
        if is_open:
            with decoding(name):
                frames = _count(file, _MAX_COUNTED_SAMPLES // file.channels)
            if frames * file.channels >= _MAX_COUNTED_SAMPLES:
                raise UnsupportedAudioError(
                    f"{name} does not state its length, as is usual for streams; convert it to a file that does, e.g. with "
                    "`ffmpeg -i FILE FILE.wav`"
                )
        if frames <= 0:
            raise EmptyAudioError(f"{name} has no samples; record it again")
        info = AudioInfo(file.samplerate, file.channels, frames, frames / file.samplerate, format_name, doubts)
        can_seek = not is_open and (format_name == "FLAC" or subtype in _SAMPLES)
        if not is_open:
            stack.pop_all()
        return SndfileSound(name, info, can_seek, is_stated, target, None if is_open else file)


def open_ffmpeg(raw: BinaryIO, format_name: str, name: str, doubts: tuple[AudioDoubt, ...]) -> StreamSound:
    """Open a file that FFmpeg's libraries read, and decode it to count its samples.

    Raises:
        AudioError: as `open_sndfile`.
    """
    from engine.audio import ffmpeg  # slow to import, and few files need it

    stated = ffmpeg.look(raw, format_name, name)
    check_rate_and_channels(stated.rate_hz, stated.channels, name)
    frames = sum(len(block_TC) for block_TC in ffmpeg.decode(raw, format_name, stated, name))
    if not frames:
        raise EmptyAudioError(f"{name} has no samples; record it again")
    info = AudioInfo(
        stated.rate_hz, stated.channels, frames, frames / stated.rate_hz, format_name, (*doubts, *stated.doubts)
    )
    return StreamSound(name, info, lambda: ffmpeg.decode(raw, format_name, stated, name))


def with_info(sound: SndfileSound, info: AudioInfo) -> SndfileSound:
    """Combine the samples of a decoded copy with the metadata of the original file."""
    own = sound.info
    return replace(sound, info=replace(info, frames=own.frames, duration_s=own.duration_s, channels=own.channels))


def sndfile(target: Path | str | BinaryIO, name: str) -> SequentialFile:
    """Open a file with libsndfile.

    Raises:
        AudioError: the file is not audio, or cannot be decoded.
    """
    if not isinstance(target, str | Path):
        target.seek(0)
    try:
        return SequentialFile(target)
    except (soundfile.LibsndfileError, TypeError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise AudioError(f"{name} is not audio that can be read ({reason}); allowed: {ALLOWED}") from error


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Add the file's name to libsndfile's errors.

    Raises:
        AudioError: the file is damaged.
    """
    try:
        yield
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".") or "no reason given"
        raise AudioError(
            f"{name} cannot be decoded ({reason}): it is damaged or cut short; copy or export it again"
        ) from error


def check_rate_and_channels(rate_hz: int, channels: int, name: str) -> None:
    """Check that a sample rate and a channel count are supported.

    Raises:
        UnsupportedAudioError: one of them is not.
    """
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise UnsupportedAudioError(
            f"{name} has a sample rate of {rate_hz} Hz; allowed: {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz: resample it"
        )
    if channels > MAX_CHANNELS:
        raise UnsupportedAudioError(
            f"{name} has {channels} channels; allowed: at most {MAX_CHANNELS}: mix it down to mono"
        )


def _checked_format(file: SequentialFile, name: str) -> str:
    format_name = "OPUS" if file.subtype == "OPUS" else _FORMAT_NAMES.get(file.format)
    if format_name is None:
        raise UnsupportedAudioError(f"{name} is {file.format} audio; allowed: {ALLOWED}: convert it to one of them")
    return format_name


def _count(file: SequentialFile, most: int) -> int:
    """Decode up to `most` frames; return how many there were."""
    step = max(1, BLOCK_SAMPLES // file.channels)
    counted = 0
    while counted < most and (read := len(file.read(min(step, most - counted), dtype="float32", always_2d=True))):
        counted += read
    return counted
