"""Pack recordings into a few long WAV files, so that a dataset of thousands of recordings transfers quickly."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

RATE_HZ = 16_000
"""Sample rate of every dataset version."""

Samples = npt.NDArray[np.int16]


def to_int16(wave_T: npt.NDArray[np.float32]) -> tuple[Samples, bool]:
    """Samples in [-1, 1] as 16-bit integers, and whether they were scaled down because they exceeded that range.

    Samples from 16-bit integers are restored exactly.
    """
    scaled_T = np.rint(wave_T.astype(np.float64) * 32768.0)
    is_clipping = bool(scaled_T.max(initial=0.0) > 32767 or scaled_T.min(initial=0.0) < -32768)
    if is_clipping:
        scaled_T = np.rint(scaled_T * (32767.0 / np.abs(scaled_T).max()))
    return scaled_T.astype(np.int16), is_clipping


class ShardWriter:
    """Writes `audio/00000.wav`, `audio/00001.wav`, ... below a folder: 16 kHz, mono, 16 bits."""

    def __init__(self, folder: Path, shard_s: float) -> None:
        """Start without a shard.

        Args:
            folder: the dataset version's folder.
            shard_s: longest shard, in seconds; a recording is never cut.
        """
        self._folder = folder
        self._max_frames = round(shard_s * RATE_HZ)
        self._file: soundfile.SoundFile | None = None
        self._frames = 0
        self._header_bytes = 0
        self.names: list[str] = []
        """Paths of all shards so far, relative to the folder."""

    def add(self, samples_T: Samples) -> tuple[str, float]:
        """Append a recording; return its shard's name and its start in the shard, in seconds."""
        if self._file is None or self._frames + len(samples_T) > self._max_frames:
            self.close()
            name = f"audio/{len(self.names):05d}.wav"
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(path, "w", samplerate=RATE_HZ, channels=1, subtype="PCM_16", format="WAV")
            self._header_bytes = path.stat().st_size  # written on opening; the samples follow, unbuffered
            self.names.append(name)
            self._frames = 0
        start_s = self._frames / RATE_HZ
        self._file.write(samples_T)
        self._frames += len(samples_T)
        return self.names[-1], start_s

    def read(self, shard: int, start: int, frames: int) -> Samples:
        """A recording that was added before; the shard may still be open.

        Args:
            shard: its index in `names`.
            start: first frame.
            frames: number of frames.
        """
        offset = self._header_bytes + start * np.dtype(np.int16).itemsize
        samples_T: Samples = np.fromfile(self._folder / self.names[shard], "<i2", frames, offset=offset)
        return samples_T

    def close(self) -> None:
        """Complete the last shard."""
        if self._file is not None:
            self._file.close()
            self._file = None
            with (self._folder / self.names[-1]).open("rb") as written:
                os.fsync(written.fileno())

    def discard(self) -> None:
        """Remove every shard."""
        if self._file is not None:
            self._file.close()
            self._file = None
        for name in self.names:
            (self._folder / name).unlink(missing_ok=True)
        self.names.clear()
