"""For each medium, a folder of good inputs in two classes, and bad ones with the code of each."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from PIL import Image

from tests.unit.engine.data.recordings import noise, wav

Files = dict[str, bytes]
Bad = dict[str, tuple[bytes, str]]
OTHERS: Final = {"notes.md": b"about"}
"""A file that is no input of any medium."""
COUNT: Final = 12


def _named(write: Callable[[int], bytes], ending: str) -> Files:
    """Good inputs in folders of their classes."""
    return {f"{label}/{at}.{ending}": write(at + COUNT * (label == "b")) for label in "ab" for at in range(COUNT)}


def _text(number: int) -> bytes:
    return f"This is text {number}, of {'several ' * (1 + number % 3)}words.\nIt has two lines: naïve café.".encode()


def _picture(number: int, format: str = "PNG") -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def _series(number: int) -> bytes:
    return f"{number}\n{number / 2}\n".encode()


GOOD: Final[Mapping[str, Callable[[], Files]]] = {
    "audio": lambda: _named(lambda number: wav(noise(number, 0.25 + 0.02 * (number % 3))), "wav"),
    "text": lambda: _named(_text, "txt"),
    "image": lambda: _named(lambda number: _picture(number, "JPEG" if number % 2 else "PNG"), "png"),
    "series": lambda: _named(_series, "series"),
}
BAD: Final[Mapping[str, Callable[[], Bad]]] = {
    "audio": lambda: {
        "a/cut.wav": (wav(noise(90))[:2000], "truncated"),
        "a/empty.wav": (b"", "empty_file"),
        "a/silent.wav": (wav(np.zeros(8000, dtype=np.int16)), "silent"),
        "b/long.wav": (wav(noise(91, 31.0)), "too_long"),
        "b/raw.gsm": (b"x", "unsupported_format"),
    },
    "text": lambda: {
        "a/empty.txt": (b"", "missing_text"),
        "a/dots.txt": (b"... !", "missing_text"),
        "a/garbled.txt": ("It is a naÃ¯ve cafÃ©.".encode(), "unreadable_text"),
        "a/personal.txt": (b"Write to ann@example.com for more.", "personal_data"),
        "b/long.txt": (b"long " * 20_001, "too_long"),
        "b/huge.txt": (b"huge " * 100_000, "too_large"),
    },
    "image": lambda: {
        "a/cut.png": (_picture(90)[:100], "truncated"),
        "a/damaged.png": (_damaged(_picture(91)), "corrupt"),
        "a/empty.jpg": (b"", "empty_file"),
        "b/animation.png": (_picture(92, "GIF"), "unsupported_format"),
        "b/no.jpeg": (b"no picture at all", "unsupported_format"),
        "b/old.bmp": (_picture(93, "BMP"), "unsupported_format"),
    },
    "series": lambda: {"a/words.series": (b"one\ntwo\n", "corrupt"), "b/old.dat": (b"1", "unsupported_format")},
}


def _damaged(png: bytes) -> bytes:
    """With another byte in its compressed pixels."""
    at = png.index(b"IDAT") + 20
    return png[:at] + bytes([png[at] ^ 0xFF]) + png[at + 1 :]
