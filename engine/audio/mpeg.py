"""Read the structure of an MP3, frame by frame.

An MP3 has no file header. Its length is in a Xing, Info or VBRI tag in the first frame, or estimated from the file size
and the bit rate of the first frame, which is wrong for a variable bit rate. In a concatenated file the first tag states
only the length of the first recording.

Source: ISO 11172-3, 2.4.1.3 and 2.4.2.3; LAME's description of its tag.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from engine.audio.pieces import Piece

_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rate by (1 for MPEG 1 and 2 for MPEG 2 and 2.5, layer) and index - 1."""
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Sample rate by version bits and index."""
_TAGS = (b"TAG", b"APETAGEX", b"ID3", b"LYRICS", b"3DI")
_BUFFER_BYTES = 1 << 20
_MOST_JUNK_BYTES = 4096  # before the first frame
_TAG_FRAME_KBPS_INDEX = 9  # of a generated tag frame: long enough at every rate


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame's header."""

    kbps: int
    length: int
    """In bytes."""
    kind: tuple[int, int, bool]
    """Version and layer, sample rate, and whether it is mono: constant within a recording."""


@dataclass(slots=True)
class Mp3Part:
    """A recording in the file: frames of one kind, with the length that their tag states."""

    start: int
    """Offset of its first frame; the tag counts as a frame."""
    stated: int | None = None
    """Audio frames according to the tag, if a tag states them."""
    has_tag: bool = False
    frames: int = 0
    """Audio frames found."""
    stretches: list[tuple[int, int]] = field(default_factory=list)
    """Start and end of each run of contiguous frames."""
    rates_kbps: set[int] = field(default_factory=set)
    first_header: bytes = b""

    @property
    def is_plain(self) -> bool:
        """Whether a decoder derives the full length from the tag or from a constant bit rate."""
        if self.first_header[1] >> 1 & 3 != 1:  # only layer III has tags
            return True
        if len(self.stretches) != 1:
            return False
        # Encoders' frame counts differ by one.
        return self.frames <= self.stated + 1 if self.stated is not None else len(self.rates_kbps) <= 1

    def pieces(self) -> list[Piece]:
        """The part as a separate file, with a tag that states its length; without a tag decoders guess."""
        if self.is_plain and self.stated is not None:
            return list(self.stretches)
        if self.has_tag:
            first, *others = self.stretches
            tag = frame_of(self.first_header)
            assert tag  # the part began with it
            stretches = [(first[0] + tag.length, first[1]), *others]
        else:
            stretches = self.stretches
        return [_tag_frame(self.first_header, self.frames), *stretches]


@dataclass(slots=True)
class Mp3:
    """The structure of an MP3 file."""

    start: int = 0
    """Offset of the first frame."""
    parts: list[Mp3Part] = field(default_factory=list)
    damage: str | None = None
    """Description of bytes between frames that are not a tag; None if there are none."""
    cut: str | None = None
    """Description of an incomplete frame at the end of the file; None if there is none."""
    behind: int = 0
    """Number of bytes after the last frame that are neither frames nor a tag."""


def read_mp3(raw: BinaryIO) -> Mp3:
    """Scan all frames. Free-format frames, which state no length, are not found."""
    reader = _Reader(raw)
    found = Mp3()
    at = _behind_id3(reader, 0)
    window = reader.read(at, _MOST_JUNK_BYTES)
    first = next((i for i in range(len(window) - 3) if frame_of(window[i : i + 4])), None)
    if first is None:
        return found
    at = found.start = at + first
    frames = 0
    kind = None
    while at < reader.size:
        header = reader.read(at, 8)
        frame = frame_of(header[:4])
        if frame is None:
            skipped = _behind_tag(reader, at, header)
            if skipped is None:
                next_at = _next_frame(reader, at)
                if next_at is None:
                    found.behind = reader.size - at
                    if found.behind < 4:
                        found.cut = f"{found.behind} bytes after frame {frames}"
                    elif not _all_is_stated(found):
                        found.damage = found.damage or f"no frame begins after frame {frames}"
                    break
                found.damage = found.damage or f"no frame begins after frame {frames}"
                skipped = next_at
            at = skipped
            continue
        if at + frame.length > reader.size:
            found.cut = f"inside its frame {frames + 1}: {reader.size - at} of {frame.length} bytes"
            break
        has_tag, stated = _tag(reader.read(at, min(frame.length, 200)))
        if frame.kind != kind or has_tag:
            found.parts.append(Mp3Part(at, stated, has_tag, first_header=header[:4]))
            kind = frame.kind
        part = found.parts[-1]
        if part.stretches and part.stretches[-1][1] == at:
            part.stretches[-1] = part.stretches[-1][0], at + frame.length
        else:
            part.stretches.append((at, at + frame.length))
        if not has_tag:
            part.frames += 1
            part.rates_kbps.add(frame.kbps)
        at, frames = at + frame.length, frames + 1
    found.parts = [part for part in found.parts if part.frames]
    return found


def frame_of(header: bytes) -> Frame | None:
    """The frame that starts with a 4-byte header; None if the bytes are not a frame header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    kbps_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or rate_index == 3 or not 1 <= kbps_index <= 14:
        return None
    generation = 1 if version == 3 else 2
    kbps = _KBPS[generation, layer][kbps_index - 1]
    rate_hz = _RATES_HZ[version][rate_index]
    kind = header[1] & 0x1E, rate_index, header[3] >> 6 == 3
    if layer == 1:
        return Frame(kbps, (12_000 * kbps // rate_hz + padding) * 4, kind)
    samples = 576 if layer == 3 and generation == 2 else 1152
    return Frame(kbps, samples // 8 * 1000 * kbps // rate_hz + padding, kind)


class _Reader:
    """Reads a file in large blocks and serves short reads from them."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.size = raw.seek(0, os.SEEK_END)
        self._start = 0
        self._data = b""

    def read(self, at: int, count: int) -> bytes:
        if at < self._start or at + count > self._start + len(self._data):
            self._raw.seek(at)
            self._start, self._data = at, self._raw.read(max(count, _BUFFER_BYTES))
        return self._data[at - self._start : at - self._start + count]


def _tag(frame: bytes) -> tuple[bool, int | None]:
    """Whether a frame holds a tag instead of audio, and the number of audio frames that it states."""
    mono = frame[3] >> 6 == 3
    is_first_generation = frame[1] >> 3 & 3 == 3
    side = (17 if mono else 32) if is_first_generation else (9 if mono else 17)
    for at in (4 + side, 6 + side):  # a checksum shifts the tag by two bytes
        if frame[at : at + 4] in (b"Xing", b"Info") and len(frame) >= at + 8:
            (flags,) = struct.unpack_from(">I", frame, at + 4)
            has_count = flags & 1 and len(frame) >= at + 12
            return True, struct.unpack_from(">I", frame, at + 8)[0] or None if has_count else None
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return True, struct.unpack_from(">I", frame, 50)[0] or None
    return False, None


def _tag_frame(header: bytes, frames: int) -> bytes:
    """A tag frame that states a number of frames."""
    made = bytes([0xFF, header[1] | 1, _TAG_FRAME_KBPS_INDEX << 4 | header[2] & 0x0C, header[3]])
    frame = frame_of(made)
    assert frame  # only its bit rate differs
    mono = header[3] >> 6 == 3
    side = (17 if mono else 32) if header[1] >> 3 & 3 == 3 else (9 if mono else 17)
    return (made + bytes(side) + b"Xing" + struct.pack(">II", 1, frames)).ljust(frame.length, b"\0")


def behind_id3(raw: BinaryIO) -> int:
    """End of an ID3v2 tag at the beginning of a file; 0 without one."""
    return _behind_id3(_Reader(raw), 0)


def _behind_id3(reader: _Reader, at: int) -> int:
    """End of an ID3v2 tag that begins at an offset; the offset itself if none does."""
    head = reader.read(at, 10)
    if head[:3] != b"ID3" or len(head) < 10:
        return at
    end = at + 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    return end + 10 if head[5] & 0x10 else end


def _behind_tag(reader: _Reader, at: int, header: bytes) -> int | None:
    """Offset at which frames continue after a tag or zeros; the end of the file if they do not; None without a tag."""
    if header.startswith(b"ID3"):
        return _behind_id3(reader, at)
    if header.startswith(_TAGS) or not header.strip(b"\0"):
        following = _next_frame(reader, at)
        return reader.size if following is None else following
    return None


def _next_frame(reader: _Reader, at: int) -> int | None:
    """Offset of the next three consecutive frames of one kind, or of fewer that end with the file; None without."""
    while at < reader.size:
        window = reader.read(at, min(_BUFFER_BYTES, reader.size - at))
        for place in _syncs(window):
            if _begins_frames(reader, at + place):
                return at + place
        at += max(1, len(window) - 3)
        if len(window) < 4:
            break
    return None


def _begins_frames(reader: _Reader, at: int) -> bool:
    kind = None
    for _ in range(3):
        frame = frame_of(reader.read(at, 4))
        if frame is None or (kind is not None and frame.kind != kind):
            return kind is not None and at == reader.size
        at, kind = at + frame.length, frame.kind
    return True


def _syncs(window: bytes) -> Iterator[int]:
    place = window.find(b"\xff")
    while place >= 0:
        if frame_of(window[place : place + 4]):
            yield place
        place = window.find(b"\xff", place + 1)


def _all_is_stated(found: Mp3) -> bool:
    """Whether the file has all frames that its tags state."""
    return bool(found.parts) and all(part.stated is not None and part.frames >= part.stated for part in found.parts)
