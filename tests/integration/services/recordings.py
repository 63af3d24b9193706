"""Archives of recordings, good and bad."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping

import numpy as np
import soundfile

RATE_HZ = 16_000


def tone(duration_s: float = 0.5, hz: float = 440.0) -> bytes:
    """A WAV file with a tone."""
    time_T = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return wav(0.3 * np.sin(2 * np.pi * hz * time_T))


def hiss(duration_s: float, seed: int) -> bytes:
    """A WAV file with noise that no other seed gives: tones that are alike would be copies."""
    return wav(0.3 * np.random.default_rng(seed).uniform(-1, 1, round(duration_s * RATE_HZ)))


def silence(duration_s: float) -> bytes:
    """A WAV file with nothing in it."""
    return wav(np.zeros(round(duration_s * RATE_HZ)))


def wav(wave_T: np.ndarray) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    soundfile.write(file, wave_T, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


def archive(files: Mapping[str, bytes], *, bomb: bool = False) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
        if bomb:
            with packed.open("bomb.wav", "w", force_zip64=True) as member:
                for _ in range(300):
                    member.write(bytes(2**20))
    return file.getvalue()


def tar_gz(files: Mapping[str, bytes], without: str = "") -> bytes:
    """A compressed tar."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name != without:
                packed.addfile(info, io.BytesIO(data))
    return file.getvalue()


def good(count: int = 4) -> dict[str, bytes]:
    """Recordings with their texts and speakers."""
    lines = ["file_name,transcription,speaker"]
    files = {}
    for number in range(count):
        duration_s = 0.4 + 0.1 * (number % 8)
        files[f"take{number}.wav"] = tone(duration_s, 300 + 50 * number) if number < 8 else hiss(duration_s, number)
        lines.append(f"take{number}.wav,text {number},speaker{number % 2}")
    return {"metadata.csv": "\n".join(lines).encode(), **files}
