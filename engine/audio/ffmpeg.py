"""Decode the formats that libsndfile does not read, with FFmpeg's libraries through PyAV.

Files are untrusted. The format is forced, so that no playlist can lead FFmpeg to other files; FFmpeg opens no files
itself; only audio decoders run, in one thread; pictures, subtitles and data are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

import av
import av.logging
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from engine.audio.doubts import AudioDoubt
from engine.errors import AudioError, EmptyAudioError, TruncatedAudioError, UnsupportedAudioError

av.logging.set_level(None)  # errors arrive as exceptions

DEMUXERS = {
    "MP4": "mov",
    "MATROSKA": "matroska",
    "AAC": "aac",
    "AMR": "amr",
    "WMA": "asf",
    "AVI": "avi",
    "WAVPACK": "wv",
    "WAV": "wav",
    "OGG": "ogg",
    "CAF": "caf",
    "AIFF": "aiff",
}
"""The demuxer of each format."""
MAX_FILE_S = 12 * 3600.0
"""Longest file, in seconds: a few kilobytes can hold years of silence."""

_DECODERS = frozenset(
    [
        "aac", "aac_latm", "ac3", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "alac", "amrnb", "amrwb", "eac3", "flac",
        "g722", "g723_1", "g726", "g729", "gsm", "gsm_ms", "libopencore_amrnb", "libopencore_amrwb", "libopus", "mp2",
        "mp2float", "mp3", "mp3float", "opus", "speex", "truespeech", "vorbis", "wavpack", "wmalossless", "wmapro", "wmav1",
        "wmav2", "wmavoice",
    ]
)  # fmt: skip
_MAX_STREAMS = 64
_PROBED_BYTES = 5_000_000
_LOST_S = 0.5  # tolerated shortfall from the container's duration: encoder delay and padding
_LOST_SHARE = 0.02

_Block = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stated:
    """Metadata from the container and from the first decoded frame."""

    rate_hz: int
    channels: int
    codec: str
    duration_s: float | None
    doubts: tuple[AudioDoubt, ...]


def look(raw: BinaryIO, format_name: str, name: str) -> Stated:
    """Metadata of a file's first audio track; reads only the beginning.

    Raises:
        EmptyAudioError: no samples.
        TruncatedAudioError: the file states a duration, but no sound can be decoded.
        UnsupportedAudioError: no audio track, or an unsupported one.
        AudioError: not a file of this format, or damaged.
    """
    with _opened(raw, format_name, name) as (container, stream):
        try:
            first = next(container.decode(stream), None)
        except FFmpegError as error:
            raise _damaged(name, error) from error
        if first is None:
            if not stream.duration and not container.duration:
                raise EmptyAudioError(f"{name} has no samples; record it again")
            raise TruncatedAudioError(f"{name} has no sound that can be decoded: it is cut short; copy it again")
        tracks = len(container.streams.audio)
        doubts: tuple[AudioDoubt, ...] = ()
        if tracks > 1:
            reason = f"it has {tracks} audio tracks; the first was read, and the others were ignored"
            doubts = (AudioDoubt("several_tracks", reason),)
        duration = stream.duration * stream.time_base if stream.duration and stream.time_base else None
        duration_s = float(duration) if duration else container.duration / 1e6 if container.duration else None
        return Stated(first.sample_rate, first.layout.nb_channels, stream.codec_context.name, duration_s, doubts)


def decode(raw: BinaryIO, format_name: str, stated: Stated, name: str) -> Iterator[_Block]:
    """All samples of the first audio track, as block_TC.

    Raises:
        TruncatedAudioError: the track ends earlier than its header states.
        UnsupportedAudioError: its sample rate or number of channels changes, or it is longer than `MAX_FILE_S`.
        AudioError: the file is damaged.
    """
    found = 0
    with _opened(raw, format_name, name) as (container, stream):
        resampler = AudioResampler(
            format="flt"
        )  # interleaved: PyAV 18 reads past the planes of eight channels and more
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise TruncatedAudioError(f"{name} is truncated: it ends inside a packet; copy or record it again")
                for frame in packet.decode():
                    _check(frame, stated, name)
                    for part in resampler.resample(frame):
                        block_TC = part.to_ndarray().reshape(-1, stated.channels).astype(np.float32, copy=False)
                        found += len(block_TC)
                        if found > MAX_FILE_S * stated.rate_hz:
                            raise UnsupportedAudioError(
                                f"{name} lasts longer than {MAX_FILE_S / 3600:g} hours, the most allowed: split it"
                            )
                        yield block_TC
        except FFmpegError as error:
            raise _damaged(name, error) from error
    found_s = found / stated.rate_hz
    if stated.duration_s is not None and stated.duration_s - found_s > max(_LOST_S, _LOST_SHARE * stated.duration_s):
        raise TruncatedAudioError(
            f"{name} is truncated: its header says {stated.duration_s:.2f} s, decoding stopped after {found_s:.2f} s; copy "
            "or record it again"
        )


@contextmanager
def _opened(raw: BinaryIO, format_name: str, name: str) -> Iterator[tuple[InputContainer, AudioStream]]:
    raw.seek(0)
    demuxer = DEMUXERS[format_name]
    options = {
        "format_whitelist": av.ContainerFormat(demuxer, "r").name,
        "protocol_whitelist": "none",
        "probesize": str(_PROBED_BYTES),
        "max_streams": str(_MAX_STREAMS),
    }
    try:
        container = av.open(raw, "r", format=demuxer, options=options, metadata_errors="replace", io_open=_refuse)
    except FFmpegError as error:
        raise _damaged(name, error) from error
    with container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise UnsupportedAudioError(f"{name} has no audio track; give a file with one")
        codec = stream.codec_context
        if codec is None or not (codec.name in _DECODERS or codec.name.startswith("pcm_")):
            shown = codec.name if codec is not None else "an unknown codec, or an encrypted one"
            raise UnsupportedAudioError(
                f"{name} has audio in the codec {shown}, which is not supported: convert it to WAV or FLAC"
            )
        codec.thread_count = 1
        yield container, stream


def _check(frame: AudioFrame, stated: Stated, name: str) -> None:
    for what, then, before in (
        ("sample rate", frame.sample_rate, stated.rate_hz),
        ("number of channels", frame.layout.nb_channels, stated.channels),
    ):
        if then != before:
            raise UnsupportedAudioError(
                f"the {what} of {name} changes from {before} to {then} inside it; allowed: one: convert it, e.g. with "
                "`ffmpeg -i FILE FILE.wav`"
            )


def _refuse(url: str, flags: int, options: object) -> NoReturn:
    raise UnsupportedAudioError(
        f"the file names another one, {url}, which is not opened; give a file that has its own sound"
    )


def _damaged(name: str, error: FFmpegError) -> AudioError:
    reason = error.strerror or "no reason given"
    return AudioError(f"{name} cannot be decoded ({reason}): it is damaged or cut short; copy or export it again")
