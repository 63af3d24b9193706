"""Detect duplicates: the same samples, or the same recording in another form."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.data.validation.coherence import exact_speed, likeness, overlap
from engine.data.validation.config import ValidationConfig
from engine.data.validation.fingerprint import SPEEDS, Keys
from engine.data.validation.neighbours import Neighbours

Samples = npt.NDArray[np.int16]
ReadItem = Callable[[int], Samples]
"""Function that returns the samples at 16 kHz of an earlier item, by its number."""

_SURE_VOTES = 6  # rare enough among different recordings to be worth a search for the exact speed
_ROUGHLY = 1.5  # before the comparison, the alignment of two recordings is known to 24 ms, and their speed to a step
_DRIFT = 0.03


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A match with an earlier recording."""

    item: int
    """Number of the earlier recording."""
    kind: Literal["exact", "near"]
    """Whether all samples are the same."""
    coherence: float
    """Correlation of the samples, 0..1."""


class Duplicates:
    """Index of all recordings of a dataset so far; some 400 bytes each."""

    def __init__(self, config: ValidationConfig, read_item: ReadItem) -> None:
        """Start empty.

        Args:
            config: thresholds.
            read_item: returns the samples of an earlier recording, which are not kept here.
        """
        self._config = config
        self._read_item = read_item
        self._by_digest: dict[int, int] = {}
        self._neighbours = Neighbours()

    def find(self, samples_T: Samples, keys: list[Keys]) -> Duplicate | None:
        """The earlier recording that this one is a copy of, or None.

        Args:
            samples_T: at 16 kHz.
            keys: its fingerprint at each of `SPEEDS`.
        """
        same = self._by_digest.get(_digest(samples_T))
        if same is not None:
            return Duplicate(same, "exact", 1.0)
        config = self._config
        candidates = self._neighbours.nearest(keys, config.same_votes, config.same_candidates)
        if not candidates:
            return None
        new_T = _centred(samples_T)
        for neighbour in candidates:
            speed = SPEEDS[neighbour.speed]
            old_T = _centred(self._read_item(neighbour.item))
            # Most different recordings share one word and differ in others, which shows before samples are compared.
            shared_s, unshared_s = overlap(new_T, old_T, neighbour.shift_frames, speed)
            if unshared_s > _ROUGHLY * max(config.same_rest_s, config.same_rest_share * shared_s) + _DRIFT * shared_s:
                continue
            for is_searched in (False, True):
                if is_searched:
                    if neighbour.votes < _SURE_VOTES:
                        break
                    speed = exact_speed(new_T, old_T, neighbour.shift_frames, speed)
                elif speed != 1.0:
                    continue
                needed = self._needed(neighbour.votes >= config.many_votes, is_searched)
                found = likeness(new_T, old_T, neighbour.shift_frames, speed, needed - 0.1)
                rest_s = max(config.same_rest_s, config.same_rest_share * found.shared_s)
                if found.coherence >= needed and found.unshared_s <= rest_s:
                    return Duplicate(neighbour.item, "near", min(1.0, found.coherence))
        return None

    def _needed(self, many_votes: bool, is_searched: bool) -> float:
        """Coherence from which two recordings are copies."""
        config = self._config
        if is_searched:
            return config.same_coherence_searched_many_votes if many_votes else config.same_coherence_searched
        return config.same_coherence_many_votes if many_votes else config.same_coherence

    def add(self, item: int, samples_T: Samples, keys: list[Keys]) -> None:
        """Remember a recording that is now in the dataset."""
        self._by_digest[_digest(samples_T)] = item
        self._neighbours.add(item, keys[0])


class Places:
    """Positions of a dataset's items in its shards; 16 bytes each."""

    def __init__(self) -> None:
        self._shards = array("I")
        self._starts = array("Q")
        self._frames = array("I")

    def add(self, shard: int, start: int, frames: int) -> int:
        """Remember an item; return its number."""
        self._shards.append(shard)
        self._starts.append(start)
        self._frames.append(frames)
        return len(self._shards) - 1

    def __getitem__(self, item: int) -> tuple[int, int, int]:
        """Shard, first frame and number of frames."""
        return self._shards[item], self._starts[item], self._frames[item]


def _centred(samples_T: Samples) -> npt.NDArray[np.float32]:
    wave_T = samples_T.astype(np.float32)
    wave_T -= wave_T.mean()
    return wave_T


def _digest(samples_T: Samples) -> int:
    return int.from_bytes(hashlib.blake2b(samples_T.data, digest_size=8).digest(), "big")
