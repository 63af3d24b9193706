"""Reading audio files: WAV, FLAC, OGG (Vorbis, Opus) and MP3, whole or a segment, as mono float32.

Legend: T is samples over time. Samples are in [-1, 1], though lossy and float files may go beyond.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from engine.audio.containers import check_container
from engine.audio.mpeg import Length
from engine.errors import AudioError, EmptyAudioError, TruncatedAudioError, UnsupportedAudioError

FORMATS = ("WAV", "FLAC", "OGG", "OPUS", "MP3")
MIN_RATE_HZ, MAX_RATE_HZ = 2_000, 192_000
MAX_CHANNELS = 64

Wave = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file that was decoded once, so that any part of it can be read at once."""

    file: BinaryIO
    """Its mono samples at its own rate."""
    info: AudioInfo
    """What the file itself said."""


Source = Path | str | BinaryIO | Decoded
"""A path, an open binary file that can seek (read from its beginning), or what `decode_once` gave."""

_FORMAT_NAMES = {"WAV": "WAV", "WAVEX": "WAV", "RF64": "WAV", "FLAC": "FLAC", "OGG": "OGG", "MP3": "MP3", "MPEG": "MP3"}
# An MP3 frame needs those before it; in the last pages of a Vorbis stream libsndfile 1.2.2 finds the wrong place without
# a word; an Opus decoder takes some hundred milliseconds to find its state. All of them are decoded up to the place.
_SEEKABLE = ("WAV", "FLAC")
_BLOCK_SAMPLES = 1 << 18  # decoded at once, over all channels: 1 MiB
_UNKNOWN_FRAMES = 1 << 60  # what libsndfile reports when a header leaves the length open is far above this
_MAX_COUNTED_SAMPLES = 1 << 28  # decoded to find such a length, over all channels: over an hour of speech
_MAX_RATIO_TERM = 640  # 11,025 Hz to 16 kHz is 441/640, the longest among usual rates
_SLACK_S = 0.002  # times in a manifest may be rounded to milliseconds


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file says about itself."""

    rate_hz: int
    """Sample rate."""
    channels: int
    """Channel count."""
    frames: int
    """Length in samples per channel."""
    duration_s: float
    """Length in seconds."""
    format: str
    """One of `FORMATS`."""


def probe(source: Source) -> AudioInfo:
    """What a file says about itself. Samples are decoded only where a FLAC stream leaves its length open.

    Raises:
        EmptyAudioError: no bytes or no samples.
        TruncatedAudioError: the header says more data than the file has.
        UnsupportedAudioError: a format, rate or channel count that is not read.
        AudioError: no such file, or not audio.
    """
    with _opened(source) as sound:
        return sound.info


def read_audio(source: Source, rate_hz: int = 16_000, start_s: float = 0.0, duration_s: float | None = None) -> Wave:
    """A segment of a file as mono samples at `rate_hz`; of WAV and FLAC only the segment is read and decoded.

    Channels are averaged. A file at `rate_hz` keeps its samples exactly. MP3, Vorbis and Opus are decoded from their
    beginning, so that a segment is always exactly that stretch of the whole.

    Args:
        source: path or open binary file.
        rate_hz: sample rate wanted.
        start_s: where the segment begins, in seconds.
        duration_s: its length in seconds; None reads to the end.

    Returns:
        wave_T: float32, about [-1, 1].

    Raises:
        EmptyAudioError: no bytes or no samples.
        TruncatedAudioError: the file ends before its header says.
        UnsupportedAudioError: a format, rate or channel count that is not read.
        AudioError: no such file, not audio, a segment outside the file, or samples that are not numbers.
    """
    with _opened(source) as sound:
        name, info = sound.name, sound.info
        start, frames = _segment(info, start_s, duration_s, name)
        sound.go_to(start)
        wave_T = sound.decode(frames)
    if len(wave_T) < frames and sound.length == "stated":
        raise TruncatedAudioError(
            f"{name} is truncated: its header says {info.frames} frames, decoding stopped after {start + len(wave_T)}; "
            "copy or record it again"
        )
    if not np.isfinite(wave_T).all():
        raise AudioError(
            f"{name} has samples that are NaN or infinite; only finite samples are allowed: export it again"
        )
    return resample(wave_T, info.rate_hz, rate_hz)


def can_cut(source: Source) -> bool:
    """Whether a part of a file can be decoded without all that comes before it.

    Raises:
        AudioError: as `probe`.
    """
    with _opened(source) as sound:
        return sound.can_seek


def decode_once(source: Source, target: BinaryIO) -> Decoded:
    """Decode a whole file into another one, in bounded memory; parts of that one are read at once.

    Samples stay what they were: they are kept as floats, at the file's own rate.

    Raises:
        AudioError: as `read_audio`, save that samples are not checked.
    """
    with _opened(source) as sound:
        info, found = sound.info, 0
        with soundfile.SoundFile(target, "w", info.rate_hz, 1, "FLOAT", format="RF64") as decoded:
            while len(block_T := sound.decode(_BLOCK_SAMPLES)):
                decoded.write(block_T)
                found += len(block_T)
        if found < info.frames and sound.length == "stated":
            raise TruncatedAudioError(
                f"{sound.name} is truncated: its header says {info.frames} frames, decoding stopped after {found}; "
                "copy or record it again"
            )
    return Decoded(target, info)


def read_blocks(source: Source, block_s: float = 1.0) -> Iterator[Wave]:
    """A file's mono samples at its own rate, block after block, in bounded memory.

    Yields:
        block_T: float32, `block_s` seconds each, the last one shorter.

    Raises:
        AudioError: as `read_audio`, save that samples are not checked.
    """
    with _opened(source) as sound:
        frames = max(1, round(block_s * sound.info.rate_hz))
        while len(block_T := sound.decode(frames)):
            yield block_T


def resample(wave_T: Wave, from_hz: int, to_hz: int) -> Wave:
    """Change the sample rate by windowed-sinc interpolation.

    Rates with no small common ratio (44,101 Hz) use the nearest one with terms up to 640, off by less than 3 parts
    per million: the exact filter would take gigabytes.

    Source: torchaudio.transforms.Resample, with its default width and window.
    """
    if from_hz == to_hz or not len(wave_T):
        return wave_T
    resampled: Wave = _resampler(from_hz, to_hz)(wave_T)
    return resampled


@functools.lru_cache(maxsize=16)
def _resampler(from_hz: int, to_hz: int) -> Callable[[Wave], Wave]:
    import torch
    from torchaudio.transforms import Resample

    ratio = Fraction(from_hz, to_hz).limit_denominator(_MAX_RATIO_TERM)
    transform = Resample(ratio.numerator, ratio.denominator)

    def apply(wave_T: Wave) -> Wave:
        with torch.inference_mode():
            resampled: Wave = transform(torch.from_numpy(np.ascontiguousarray(wave_T))).numpy()
        return resampled

    return apply


class _SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read on from where it stands.

    soundfile seeks after each read of a file that can seek; in an MP3 that loses the frames which the next one builds
    on (and gives wrong samples), and at the end of a FLAC stream of unstated length it fails.
    """

    def seekable(self) -> bool:
        return False


@dataclass(slots=True)
class _Sound:
    """An open file."""

    file: _SequentialFile
    name: str
    info: AudioInfo
    length: Length
    can_seek: bool

    def go_to(self, frame: int) -> None:
        """Stand before a frame; the file stands before the first one."""
        with _decoding(self.name):
            if frame and self.can_seek:
                self.file.seek(frame)
            elif frame:
                _count(self.file, frame)

    def decode(self, frames: int) -> Wave:
        """Up to `frames` frames from here on, averaged over channels; memory grows with what is there."""
        step = max(1, _BLOCK_SAMPLES // self.info.channels)
        blocks = []
        while frames > 0:
            with _decoding(self.name):
                block_TC = self.file.read(min(step, frames), dtype="float32", always_2d=True)
            if not len(block_TC):
                break
            blocks.append(block_TC[:, 0] if self.info.channels == 1 else block_TC.mean(axis=1, dtype=np.float32))
            frames -= len(block_TC)
        if len(blocks) == 1:
            return np.ascontiguousarray(blocks[0])
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


@contextmanager
def _opened(source: Source) -> Iterator[_Sound]:
    if isinstance(source, Decoded):
        with _decoder(source.file, "the file") as file:
            # The container is whole: it was written here. Its length is what was decoded, whatever the file had said.
            info = replace(source.info, frames=file.frames, duration_s=file.frames / file.samplerate, channels=1)
            yield _Sound(file, "the file", info, "stated", can_seek=True)
        return
    with ExitStack() as stack:
        if isinstance(source, str | Path):
            name = str(source)
            try:
                raw: BinaryIO = stack.enter_context(Path(source).open("rb", buffering=0))
            except OSError as error:
                raise AudioError(f"cannot read {name}: {error.strerror}; give the path of an audio file") from error
        else:
            name = source.name if isinstance(getattr(source, "name", None), str) else "the file"
            raw = source
        size = raw.seek(0, os.SEEK_END)
        if not size:
            raise EmptyAudioError(f"{name} is empty (0 bytes); copy or record it again")
        length = check_container(raw, size, name)
        target = source if isinstance(source, str | Path) else raw  # a path is read faster than a Python file
        file = stack.enter_context(_decoder(target, name))
        format_name = _checked_format(file, name)
        frames = file.frames
        is_open = frames > _UNKNOWN_FRAMES
        if is_open:
            with _decoding(name):
                frames = _count(file, _MAX_COUNTED_SAMPLES // file.channels)
            file = stack.enter_context(_decoder(target, name))
        if length == "unknown" or (is_open and frames * file.channels >= _MAX_COUNTED_SAMPLES):
            raise UnsupportedAudioError(
                f"{name} does not say how long it is, as streams do; allowed: files that do: convert it, e.g. with "
                "`ffmpeg -i FILE FILE.wav`"
            )
        if frames <= 0:
            raise EmptyAudioError(f"{name} has no samples; record it again")
        info = AudioInfo(file.samplerate, file.channels, frames, frames / file.samplerate, format_name)
        yield _Sound(file, name, info, length, can_seek=format_name in _SEEKABLE and not is_open)


def _decoder(target: Path | str | BinaryIO, name: str) -> _SequentialFile:
    if not isinstance(target, str | Path):
        target.seek(0)
    try:
        return _SequentialFile(target)
    except (soundfile.LibsndfileError, TypeError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise AudioError(f"{name} is not audio that can be read ({reason}); allowed: {', '.join(FORMATS)}") from error


def _checked_format(file: _SequentialFile, name: str) -> str:
    format_name = "OPUS" if file.subtype == "OPUS" else _FORMAT_NAMES.get(file.format)
    if format_name is None:
        raise UnsupportedAudioError(
            f"{name} is {file.format} audio; allowed: {', '.join(FORMATS)}: convert it to one of them"
        )
    if not MIN_RATE_HZ <= file.samplerate <= MAX_RATE_HZ:
        raise UnsupportedAudioError(
            f"{name} has a sample rate of {file.samplerate} Hz; allowed: {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz: resample it"
        )
    if file.channels > MAX_CHANNELS:
        raise UnsupportedAudioError(
            f"{name} has {file.channels} channels; allowed: at most {MAX_CHANNELS}: mix it down to mono"
        )
    return format_name


def _count(file: _SequentialFile, most: int) -> int:
    """Decode up to `most` frames and give how many there were."""
    step = max(1, _BLOCK_SAMPLES // file.channels)
    counted = 0
    while counted < most and (read := len(file.read(min(step, most - counted), dtype="float32", always_2d=True))):
        counted += read
    return counted


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


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    try:
        yield
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".") or "no reason given"
        raise AudioError(
            f"{name} cannot be decoded ({reason}): it is damaged or cut short; copy or export it again"
        ) from error
