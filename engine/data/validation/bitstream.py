"""Detect lost or changed bytes that decoders ignore: in Ogg by its checksums, in MP3 by its frames.

FLAC's decoder verifies its checksums; WAV's length is checked on opening, and it has no checksum.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

from engine.audio.formats import HEAD_BYTES, format_of
from engine.audio.mpeg import read_mp3
from engine.audio.ogg import LAST_PAGE, PAGE_HEADER
from engine.audio.pieces import made_of, size_of
from engine.audio.riff import read_wav
from engine.errors import AudioError, TruncatedAudioError

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def check_bitstream(file: BinaryIO) -> None:
    """Check the structure of Ogg and MP3, also inside WAV, from beginning to end; other formats pass.

    Raises:
        TruncatedAudioError: it ends inside a page or a frame, or before the page that is marked as the last.
        AudioError: bytes in it were changed or lost.
    """
    file.seek(0)
    kind = format_of(file.read(HEAD_BYTES))
    if kind == "OGG":
        _check_ogg(file)
    elif kind == "MP3":
        _check_mp3(file)
    elif kind == "WAV":
        for frames in read_wav(file, size_of(file), "the WAV").mp3:
            if frames:
                _check_mp3(made_of(file, [frames]))


def _check_ogg(file: BinaryIO) -> None:
    """Check that every page matches its checksum, and that the last page is marked as the last.

    Source: RFC 3533, section 6.
    """
    file.seek(0)
    number = 0
    is_last = False
    while len(header := file.read(PAGE_HEADER.size)) == PAGE_HEADER.size:
        magic, version, flags, _, _, _, checksum, segments = PAGE_HEADER.unpack(header)
        if magic != b"OggS" or version:
            raise AudioError(f"the Ogg file is damaged: no page begins after page {number}; copy or export it again")
        lengths = file.read(segments)
        body = file.read(sum(lengths))
        if len(lengths) < segments or len(body) < sum(lengths):
            raise TruncatedAudioError(f"the Ogg file ends inside its page {number + 1}; copy or export it again")
        if _ogg_checksum(header[:22] + bytes(4) + header[26:] + lengths + body) != checksum:
            raise AudioError(
                f"the Ogg file is damaged: the checksum of its page {number + 1} is not that of its bytes; copy or "
                "export it again"
            )
        is_last = bool(flags & LAST_PAGE)
        number += 1
    if header or not is_last:
        raise TruncatedAudioError(
            f"the Ogg file ends after page {number}, which is not marked as the last; copy it again, or, if there is no more "
            "of it, write it anew, e.g. with `ffmpeg -i FILE -c copy NEW.ogg`"
        )


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 with the opposite bit order of zlib's, and an initial value of 0."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{reflected:032b}"[::-1], 2)


def _check_mp3(file: BinaryIO) -> None:
    """Check that frames follow each other to the end without gaps other than tags."""
    found = read_mp3(file)
    if found.damage:
        raise AudioError(f"the MP3 is damaged: {found.damage}; copy or export it again")
    if found.cut:
        raise TruncatedAudioError(f"the MP3 ends {found.cut}; copy or export it again")
