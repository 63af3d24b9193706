"""How far the length that an MP3 states can be trusted.

An MP3 has no header of its own: its length is in a Xing, Info or VBRI tag in the first frame, or it is estimated from
the size of the file and the bit rate of the first frame, which is wrong when the bit rate varies.
"""

from __future__ import annotations

from typing import BinaryIO, Literal

Length = Literal["stated", "estimated", "unknown"]

_MAX_FRAMES = 4_000  # looked at for a change of bit rate: two minutes
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


def mp3_length(raw: BinaryIO) -> Length:
    """Whether an MP3 states its length, has one that can be estimated, or has neither (varying bit rate and no tag).

    Source: ISO 11172-3, 2.4.1.3 and 2.4.2.3.
    """
    raw.seek(0)
    head = raw.read(10)
    at = 0
    if head[:3] == b"ID3" and len(head) == 10:
        at = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    raw.seek(at)
    window = raw.read(4096)
    first = next((i for i in range(len(window) - 3) if _frame(window[i : i + 4])), None)
    if first is None:
        return "estimated"
    if any(tag in window[first : first + 200] for tag in (b"Xing", b"Info", b"VBRI")):
        return "stated"
    at += first
    kbps = None
    for _ in range(_MAX_FRAMES):
        raw.seek(at)
        frame = _frame(raw.read(4))
        if frame is None:  # the end, or a tag at the end
            break
        if kbps is not None and frame[0] != kbps:
            return "unknown"
        kbps = frame[0]
        at += frame[1]
    return "estimated"


def frame_bytes(header: bytes) -> int:
    """Bytes of the frame that a 4-byte header begins; 0 where it begins none."""
    frame = _frame(header)
    return frame[1] if frame else 0


def _frame(header: bytes) -> tuple[int, int] | None:
    """Bit rate in kbit/s and bytes of the frame that a 4-byte header begins."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    kbps_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or rate_index == 3 or not 1 <= kbps_index <= 14:
        return None
    generation = 1 if version == 3 else 2
    kbps = _KBPS[generation, layer][kbps_index - 1]
    rate_hz = _RATES_HZ[version][rate_index]
    if layer == 1:
        return kbps, (12_000 * kbps // rate_hz + padding) * 4
    samples = 576 if layer == 3 and generation == 2 else 1152
    return kbps, samples // 8 * 1000 * kbps // rate_hz + padding
