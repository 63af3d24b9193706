"""Compressed files whose decoder says nothing when bytes are lost or changed: Ogg by its checksums, MP3 by its frames.

FLAC has checksums that its decoder holds; WAV has a length that is checked on opening, and no checksum at all.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import BinaryIO

from engine.audio.mpeg import frame_bytes
from engine.errors import AudioError, TruncatedAudioError

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_PAGE_HEADER = struct.Struct("<4sBBqIIIB")
_LAST_PAGE = 0x04
_MOST_JUNK_BYTES = 4096  # before the first frame of an MP3
_TAGS = (b"TAG", b"APETAGEX", b"ID3", b"LYRICS", b"3DI")


def check_bitstream(file: BinaryIO) -> None:
    """Read the structure of an Ogg or MP3 file from its beginning to its end; others are let through.

    Raises:
        TruncatedAudioError: it ends inside a page or a frame, or before the page that is marked as the last.
        AudioError: bytes in it were changed or lost.
    """
    file.seek(0)
    head = file.read(4)
    if head == b"OggS":
        _check_ogg(file)
    elif head[:3] == b"ID3" or (len(head) == 4 and frame_bytes(head)):
        _check_mp3(file)


def _check_ogg(file: BinaryIO) -> None:
    """Every page has its checksum, and the last one says so.

    Source: RFC 3533, section 6.
    """
    file.seek(0)
    number = 0
    is_last = False
    while len(header := file.read(_PAGE_HEADER.size)) == _PAGE_HEADER.size:
        magic, version, flags, _, _, _, checksum, segments = _PAGE_HEADER.unpack(header)
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
        is_last = bool(flags & _LAST_PAGE)
        number += 1
    if header or not is_last:
        raise TruncatedAudioError(
            f"the Ogg file ends after page {number}, which is not marked as the last; copy or export it again"
        )


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 with the bits in the other order than zlib's, and from 0."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{reflected:032b}"[::-1], 2)


def _check_mp3(file: BinaryIO) -> None:
    """Frames follow each other without a gap, to the end or to a tag.

    Source: ISO 11172-3, 2.4.1.3.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:
        start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
        start += 10 if head[5] & 0x10 else 0
    file.seek(start)
    window = file.read(_MOST_JUNK_BYTES)
    first = next((at for at in range(len(window) - 3) if frame_bytes(window[at : at + 4])), None)
    if first is None:
        return  # free format, which has no lengths
    at, frames = start + first, 0
    while at + 4 <= size:
        file.seek(at)
        header = file.read(8)
        length = frame_bytes(header[:4])
        if not length:
            if header.startswith(_TAGS) or not header.strip(b"\0"):
                return
            raise AudioError(f"the MP3 is damaged: no frame begins after frame {frames}; copy or export it again")
        if at + length > size:
            raise TruncatedAudioError(
                f"the MP3 ends inside its frame {frames + 1}: {size - at} of {length} bytes; copy or export it again"
            )
        at, frames = at + length, frames + 1
    if at != size:
        raise TruncatedAudioError(f"the MP3 ends {size - at} bytes after frame {frames}; copy or export it again")
