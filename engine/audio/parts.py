"""Find the recordings in a file, one or several joined ones, and check the length that its header states.

libsndfile reads a truncated file without an error, and of joined files only the first. Training would then pair the
whole transcript with a part of the audio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

from engine.audio.doubts import AudioDoubt
from engine.audio.formats import HEAD_BYTES, format_of
from engine.audio.headers import read_header
from engine.audio.matroska import read_matroska
from engine.audio.mp4 import read_mp4
from engine.audio.mpeg import behind_id3, read_mp3
from engine.audio.ogg import read_ogg
from engine.audio.pieces import MAX_PARTS, Piece, made_of, shifted, split_at
from engine.audio.riff import Wav, check_riff_size, read_wav
from engine.audio.wavpack import read_wavpack
from engine.errors import UnsupportedAudioError

_FLAC_STARTS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
"""The marker and the header of the STREAMINFO block, which comes first and may be the only block."""
_AMR_STARTS = (b"#!AMR\n", b"#!AMR-WB\n")

Length = Literal["stated", "estimated"]
"""Whether a file's length is stated, or estimated from its size."""


@dataclass(frozen=True, slots=True)
class Part:
    """A recording in a file."""

    pieces: Sequence[Piece] | None = None
    """Its pieces; None for the unchanged file."""
    length: Length = "stated"
    """Whether the length that the decoder reports is stated in the file or an estimate."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The recordings in a file, in order."""

    format: str | None
    """The format according to the first bytes, one of `FORMATS`; None if unknown."""
    parts: tuple[Part, ...]
    doubts: tuple[AudioDoubt, ...] = ()


def read_parts(raw: BinaryIO, size: int, name: str) -> Parts:
    """The recordings in a file of `size` bytes; decodes no audio.

    Raises:
        TruncatedAudioError: the file is shorter than its header states.
        UnsupportedAudioError: more than `MAX_PARTS` recordings.
    """
    found = _read(raw, size, name)
    if len(found.parts) > MAX_PARTS:
        raise UnsupportedAudioError(f"{name} holds more than {MAX_PARTS} joined recordings, the maximum: split it")
    return found


def _read(raw: BinaryIO, size: int, name: str) -> Parts:
    raw.seek(0)
    format_name = format_of(raw.read(HEAD_BYTES))
    start = behind_id3(raw) if format_name == "MP3" else 0
    if start:
        raw.seek(start)
        if format_of(raw.read(HEAD_BYTES)) not in (None, "MP3"):  # other formats may start with an ID3 tag, too
            found = _read(made_of(raw, [(start, size)]), size - start, name)
            parts = (replace(p, pieces=shifted(p.pieces or [(0, size - start)], start)) for p in found.parts)
            return replace(found, parts=tuple(parts))
    if format_name == "WAV":
        wav = read_wav(raw, size, name)
        return _wav_with_mp3(raw, wav) if any(wav.mp3) else _parts(format_name, wav.pieces, wav.doubts)
    if format_name == "OGG":
        return _parts(format_name, read_ogg(raw, size, name))
    if format_name == "FLAC":
        return _parts(format_name, split_at(raw, size, _FLAC_STARTS))
    if format_name == "MP3":
        return _mp3_parts(raw)
    if format_name == "MP4":
        return _parts(format_name, read_mp4(raw, size, name))
    if format_name == "MATROSKA":
        return _parts(format_name, *read_matroska(raw, size, name))
    if format_name == "AMR":
        return _parts(format_name, split_at(raw, size, _AMR_STARTS))
    if format_name == "WAVPACK":
        return _parts(format_name, read_wavpack(raw, size, name))
    if format_name == "AVI":
        check_riff_size(raw, size, name)
    elif format_name in ("AIFF", "AU", "CAF", "W64", "SPHERE"):
        return _parts(format_name, *read_header(raw, size, format_name, name))
    return Parts(format_name, (Part(),))


def _parts(format_name: str, pieces: Sequence[Sequence[Piece] | None], doubts: Sequence[AudioDoubt] = ()) -> Parts:
    return Parts(format_name, tuple(Part(p) for p in pieces), (*doubts, *_joined(len(pieces))))


def _wav_with_mp3(raw: BinaryIO, wav: Wav) -> Parts:
    """Read MP3 frames in a WAV as MP3, since the length that decoders report for the WAV is an estimate."""
    parts: list[Part] = []
    doubts = list(wav.doubts)
    for pieces, frames in zip(wav.pieces, wav.mp3, strict=True):
        if frames is None:
            parts.append(Part(pieces))
            continue
        inside = _mp3_parts(made_of(raw, [frames]))
        doubts += [doubt for doubt in inside.doubts if doubt.code != "joined_audio"]
        for part in inside.parts:
            own = part.pieces or [(0, frames[1] - frames[0])]
            parts.append(replace(part, pieces=shifted(own, frames[0])))
    return Parts("WAV", tuple(parts), (*doubts, *_joined(len(parts))))


def _mp3_parts(raw: BinaryIO) -> Parts:
    found = read_mp3(raw)
    doubts = []
    if found.damage:
        doubts.append(AudioDoubt("damaged_audio", f"it is damaged: {found.damage}; what could be decoded was taken"))
    elif found.behind:
        doubts.append(
            AudioDoubt("damaged_audio", f"{found.behind} bytes after its last frame are not audio; they were ignored")
        )
    for part in found.parts:
        if part.stated is not None and part.frames > part.stated + 1:
            reason = f"its header says {part.stated} frames, and {part.frames} are there; all of them were read"
            doubts.append(AudioDoubt("open_length", reason))
    if len(found.parts) <= 1 and all(part.is_plain for part in found.parts):
        is_stated = bool(found.parts) and found.parts[0].stated is not None
        return Parts("MP3", (Part(length="stated" if is_stated else "estimated"),), tuple(doubts))
    # A generated tag states the number of frames, but not the decoder's delay.
    parts = tuple(
        Part(part.pieces(), "stated" if part.is_plain and part.stated else "estimated") for part in found.parts
    )
    return Parts("MP3", parts, (*doubts, *_joined(len(parts))))


def _joined(parts: int) -> list[AudioDoubt]:
    if parts < 2:
        return []
    return [AudioDoubt("joined_audio", f"it holds {parts} joined recordings; all of them were read")]
