"""A growing index of earlier recordings by fingerprint key.

Keys lie in two arrays sorted by key, a long and a short one, ten bytes each; the newest are in a dictionary. Once there are
enough, they are merged into the short array, and that into the long one. A query looks only at recordings under its own
keys, and skips very common keys, so that searching a whole dataset takes n log n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.data.validation.fingerprint import Keys

_MOST_WAITING = 1_600  # keys in the dictionary: some 40 recordings
_FEWEST_LONG = 32_000
_LONG_TO_SHORT = 8
_SLACK_FRAMES = 3  # matches agree in time within 24 ms
_MOST_UNDER_KEY = 512  # a key that more recordings have is not informative
_SPAN = 1 << 17  # more than twice the largest time

Matches = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Index of the queried speed, number of the recording, and shift, of each match."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An earlier recording that may be the same as a new one."""

    item: int
    """Its number, as given to `add`."""
    votes: int
    """Keys that agree in time."""
    shift_frames: int
    """Where it begins in the new one, in frames of the fingerprint."""
    speed: int
    """Index of the queried speed that has the votes."""


class _Sorted:
    """Keys in order, with their recordings and times."""

    def __init__(self, key_N: npt.NDArray[np.uint32], item_N: npt.NDArray[np.uint32], time_N: npt.NDArray[np.uint16]):
        self.key_N = key_N
        self.item_N = item_N
        self.time_N = time_N

    def merged(self, other: _Sorted) -> _Sorted:
        key_N = np.concatenate([self.key_N, other.key_N])
        order = np.argsort(key_N, kind="stable")
        item_N, time_N = np.concatenate([self.item_N, other.item_N]), np.concatenate([self.time_N, other.time_N])
        return _Sorted(key_N[order], item_N[order], time_N[order])

    def matches(
        self, key_M: npt.NDArray[np.uint32], time_M: npt.NDArray[np.int64], speed_M: npt.NDArray[np.int64]
    ) -> Matches:
        first = np.searchsorted(self.key_N, key_M, side="left")
        count = np.searchsorted(self.key_N, key_M, side="right") - first
        count[count > _MOST_UNDER_KEY] = 0
        place = np.repeat(first - np.cumsum(count) + count, count) + np.arange(int(count.sum()))
        shift = np.repeat(time_M, count) - self.time_N[place]
        return np.repeat(speed_M, count), self.item_N[place].astype(np.int64), shift


def _nothing() -> _Sorted:
    return _Sorted(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.uint16))


class Neighbours:
    """The index of earlier recordings."""

    def __init__(self) -> None:
        self._long = _nothing()
        self._short = _nothing()
        self._waiting: dict[int, list[tuple[int, int]]] = {}
        self._count_waiting = 0

    def add(self, item: int, keys: Keys) -> None:
        """Remember a recording."""
        for key, time in zip(keys.key_N.tolist(), keys.time_N.tolist(), strict=True):
            self._waiting.setdefault(key, []).append((item, time))
        self._count_waiting += len(keys.key_N)
        if self._count_waiting > _MOST_WAITING:
            self._short = self._short.merged(self._sorted_waiting())
        if len(self._short.key_N) > max(_FEWEST_LONG, len(self._long.key_N) // _LONG_TO_SHORT):
            self._long, self._short = self._long.merged(self._short), _nothing()

    def nearest(self, asked: Sequence[Keys], fewest_votes: int, most: int) -> list[Neighbour]:
        """The earlier recordings with the most votes, best first.

        Args:
            asked: the keys of a recording at several speeds; votes at different speeds do not add up.
            fewest_votes: minimum number of votes of a neighbour.
            most: maximum number of neighbours.
        """
        speed_M, item_M, shift_M = self._matches(asked)
        if len(item_M) < fewest_votes:
            return []
        code_M = np.sort((item_M * len(asked) + speed_M) * _SPAN + shift_M + _SPAN // 2)
        votes_M = np.searchsorted(code_M, code_M + _SLACK_FRAMES, side="right") - np.arange(len(code_M))
        enough = np.flatnonzero(votes_M >= fewest_votes)
        best: dict[int, Neighbour] = {}
        for at in enough[np.argsort(-votes_M[enough], kind="stable")].tolist():
            item_speed, shift = divmod(int(code_M[at]), _SPAN)
            item, speed = divmod(item_speed, len(asked))
            if item not in best:
                best[item] = Neighbour(item, int(votes_M[at]), shift - _SPAN // 2 + _SLACK_FRAMES // 2, speed)
                if len(best) == most:
                    break
        return list(best.values())

    def _matches(self, asked: Sequence[Keys]) -> Matches:
        key_M = np.concatenate([keys.key_N for keys in asked])
        time_M = np.concatenate([keys.time_N for keys in asked]).astype(np.int64)
        speed_M = np.repeat(np.arange(len(asked)), [len(keys.key_N) for keys in asked])
        found = [each.matches(key_M, time_M, speed_M) for each in (self._long, self._short)]
        newest = [
            (speed, number, time - earlier)
            for key, time, speed in zip(key_M.tolist(), time_M.tolist(), speed_M.tolist(), strict=True)
            if key in self._waiting
            for number, earlier in self._waiting[key]
        ]
        if newest:
            speed_N, item_N, shift_N = np.array(newest, dtype=np.int64).T
            found.append((speed_N, item_N, shift_N))
        speed, item, shift = (np.concatenate(each) for each in zip(*found, strict=True))
        return speed, item, shift

    def _sorted_waiting(self) -> _Sorted:
        key_N = np.array([key for key, found in self._waiting.items() for _ in found], np.uint32)
        pair_N = np.array([pair for found in self._waiting.values() for pair in found], np.int64).reshape(-1, 2)
        self._waiting.clear()
        self._count_waiting = 0
        order = np.argsort(key_N, kind="stable")
        return _Sorted(key_N[order], pair_N[order, 0].astype(np.uint32), pair_N[order, 1].astype(np.uint16))
