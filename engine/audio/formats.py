"""The supported audio formats: names, first bytes and file extensions."""

from __future__ import annotations

FORMATS = (
    "WAV", "FLAC", "OGG", "OPUS", "MP3", "AIFF", "AU", "CAF", "W64", "SPHERE",
    "MP4", "MATROSKA", "AAC", "AMR", "WMA", "AVI", "WAVPACK",
)  # fmt: skip
"""Values of `AudioInfo.format`. OGG is Vorbis; MP4 includes M4A, MOV and 3GP; MATROSKA includes WebM."""

ALLOWED = (
    "WAV, FLAC, OGG, OPUS, MP3, AIFF, AU, CAF, W64, SPHERE, MP4 (M4A, MOV, 3GP), Matroska (MKV, WebM), AAC, AMR, WMA, AVI, "
    "WavPack"
)
"""The same list, for messages."""

ENDINGS_IN_ORDER = (
    "flac", "mp3", "oga", "ogg", "opus", "wav", "wave",
    "aif", "aifc", "aiff", "au", "caf", "snd", "sph", "w64",
    "m4a", "m4b", "aac", "amr", "awb", "wma", "wv", "mka", "weba",
    "mp4", "m4v", "mov", "3gp", "3g2", "webm", "mkv", "asf", "wmv", "avi",
)  # fmt: skip
"""File extensions of audio. For a name without extension, the first of these that exists is used."""
AUDIO_ENDINGS = frozenset(ENDINGS_IN_ORDER)
"""The same as a set."""

OTHER_AUDIO_ENDINGS = frozenset(
    ["ac3", "alac", "ape", "dsf", "dts", "gsm", "mpc", "pcm", "ra", "raw", "shn", "spx", "tta", "voc"]
)
"""Audio that is not supported or has no header."""

_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")

HEAD_BYTES = 16
"""Number of leading bytes that identify a file."""


def format_of(head: bytes) -> str | None:
    """The format that the first `HEAD_BYTES` bytes of a file show; None if unknown."""
    if head[:4] in (b"RIFF", b"RF64", b"RIFX", b"BW64"):
        return {b"WAVE": "WAV", b"AVI ": "AVI"}.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if head[4:8] in _MP4_BOXES:
        return "MP4"
    if _is_adts(head):
        return "AAC"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0):
        return "MP3"
    starts = {
        b"fLaC": "FLAC", b"OggS": "OGG", b".snd": "AU", b"dns.": "AU", b"caff": "CAF", _W64: "W64", b"NIST_1A": "SPHERE",
        b"\x1aE\xdf\xa3": "MATROSKA", b"#!AMR": "AMR", _ASF: "WMA", b"wvpk": "WAVPACK",
    }  # fmt: skip
    return next((name for start, name in starts.items() if head.startswith(start)), None)


def _is_adts(head: bytes) -> bool:
    """Whether the bytes start an ADTS frame (AAC): unlike in MP3, the layer bits are zero."""
    return len(head) > 3 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13
