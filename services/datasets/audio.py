"""One item's audio, cut from its shard without reading the whole shard."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.data.manifest import example_of
from services.errors import NotFoundError
from services.objects import Objects

_HEADER_BYTES: Final = 4096
_LONGEST_S: Final = 600.0
_PIECE_BYTES: Final = 2**18


@dataclass(frozen=True, slots=True)
class PcmSpan:
    """Where the samples of a WAV file begin, and what they are."""

    offset: int
    rate_hz: int
    channels: int
    bytes_per_frame: int
    data_bytes: int
    """Bytes of all samples."""


async def find_item(objects: Objects, prefix: str, item: str) -> Mapping[str, Any]:
    """Where an item's audio is, from a version's manifest; reads the manifest only up to that line.

    Raises:
        NotFoundError: the version has no such item.
    """
    spelled = json.dumps(item, ensure_ascii=False).encode("utf-8", "replace")

    def is_it(line: bytes) -> bool:
        return spelled in line and json.loads(line).get("id") == item

    line = await objects.find_line(f"{prefix}/manifest.jsonl", is_it)
    if line is None:
        raise NotFoundError("The dataset has no such item.", code="item_not_found")
    return dataclasses.asdict(example_of(json.loads(line)).input)


@dataclass(frozen=True, slots=True)
class Recording:
    """One item's audio as a WAV file, most of which is still in the object store."""

    key: str
    header: bytes
    start: int
    """Where the samples are in the object, in bytes."""
    sample_bytes: int

    @property
    def size(self) -> int:
        """Bytes of the whole WAV file."""
        return len(self.header) + self.sample_bytes

    @property
    def etag(self) -> str:
        """Changes with the content: a dataset version's objects are never rewritten."""
        told = f"{self.key}/{self.start}/{self.sample_bytes}"
        return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'

    async def pieces(self, objects: Objects, first: int, last: int) -> AsyncIterator[bytes]:
        """The bytes of the WAV file from `first` to `last`, both included, read from the store a piece at a time."""
        if first < len(self.header):
            yield self.header[first : last + 1]
        place = max(0, first - len(self.header))
        end = last + 1 - len(self.header)
        while place < end:
            piece = await objects.read(self.key, self.start + place, min(_PIECE_BYTES, end - place))
            if not piece:
                return
            yield piece
            place += len(piece)


async def recording_of(objects: Objects, prefix: str, item: Mapping[str, Any]) -> Recording:
    """An item's audio; reads only the beginning of its shard.

    Raises:
        NotFoundError: the shard is gone.
    """
    key = f"{prefix}/{item['audio']}"
    span = read_wav_header(await objects.read(key, 0, _HEADER_BYTES))
    first = round(float(item["start_s"]) * span.rate_hz)
    frames = max(1, round(min(float(item["duration_s"]), _LONGEST_S) * span.rate_hz))
    start = first * span.bytes_per_frame
    sample_bytes = max(0, min(frames * span.bytes_per_frame, span.data_bytes - start))
    return Recording(key, wav_header(span, sample_bytes), span.offset + start, sample_bytes)


def read_wav_header(head: bytes) -> PcmSpan:
    """Find the samples in the first bytes of a PCM WAV file.

    Raises:
        ValueError: not a WAV file, or its samples do not begin in these bytes.
    """
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise ValueError("not a WAV file")
    place, rate_hz, channels, bytes_per_frame = 12, 0, 0, 0
    while place + 8 <= len(head):
        kind, size = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], "little")
        if kind == b"fmt ":
            _, channels, rate_hz, _, bytes_per_frame, _ = struct.unpack_from("<HHIIHH", head, place + 8)
        elif kind == b"data" and rate_hz:
            return PcmSpan(place + 8, rate_hz, channels, bytes_per_frame, size)
        place += 8 + size + size % 2
    raise ValueError("a WAV file without samples")


def wav_header(span: PcmSpan, data_bytes: int) -> bytes:
    """The header of a PCM WAV file with this many bytes of samples."""
    bits = span.bytes_per_frame // span.channels * 8
    form = struct.pack(
        "<HHIIHH",
        1,
        span.channels,
        span.rate_hz,
        span.rate_hz * span.bytes_per_frame,
        span.bytes_per_frame,
        bits,
    )
    return (
        b"RIFF"
        + struct.pack("<I", 36 + data_bytes)
        + b"WAVEfmt "
        + struct.pack("<I", len(form))
        + form
        + b"data"
        + struct.pack("<I", data_bytes)
    )
