"""Which earlier recordings share keys with a new one: an index that grows while recordings come in.

Most keys lie in arrays sorted by key, ten bytes each; the newest wait in a dictionary until there are enough of them to
be sorted in. A question looks at the recordings under its own keys only, so that a dataset is searched in n log n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.data.validation.fingerprint import Keys

_FEWEST_WAITING = 20_000  # keys
_WAITING_SHARE = 8  # the sorted ones are at most this many times as many before the rest is sorted in
_SLACK_FRAMES = 3  # matches agree in time within 24 ms
_MOST_UNDER_KEY = 512  # a key that so many recordings have tells nothing
_SPAN = 1 << 17  # more than twice the largest time


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An earlier recording that may be the same as a new one."""

    item: int
    """Its number, as given to `add`."""
    votes: int
    """Keys that agree in time."""
    shift_frames: int
    """Where it begins in the new one, in frames of the fingerprint."""


class Neighbours:
    """The index."""

    def __init__(self) -> None:
        self._key_N = np.zeros(0, np.uint32)
        self._item_N = np.zeros(0, np.uint32)
        self._time_N = np.zeros(0, np.uint16)
        self._waiting: dict[int, list[tuple[int, int]]] = {}
        self._count_waiting = 0

    def add(self, item: int, keys: Keys) -> None:
        """Remember a recording."""
        for key, time in zip(keys.key_N.tolist(), keys.time_N.tolist(), strict=True):
            self._waiting.setdefault(key, []).append((item, time))
        self._count_waiting += len(keys.key_N)
        if self._count_waiting > max(_FEWEST_WAITING, len(self._key_N) // _WAITING_SHARE):
            self._sort_in()

    def nearest(self, keys: Keys, fewest_votes: int, most: int) -> list[Neighbour]:
        """The earlier recordings with the most votes, best first."""
        item_M, shift_M = self._matches(keys)
        if len(item_M) < fewest_votes:
            return []
        code_M = np.sort(item_M * _SPAN + shift_M + _SPAN // 2)
        votes_M = np.searchsorted(code_M, code_M + _SLACK_FRAMES, side="right") - np.arange(len(code_M))
        enough = np.flatnonzero(votes_M >= fewest_votes)
        best: dict[int, Neighbour] = {}
        for at in enough[np.argsort(-votes_M[enough], kind="stable")].tolist():
            item, shift = divmod(int(code_M[at]), _SPAN)
            if item not in best:
                best[item] = Neighbour(item, int(votes_M[at]), shift - _SPAN // 2 + _SLACK_FRAMES // 2)
                if len(best) == most:
                    break
        return list(best.values())

    def _matches(self, keys: Keys) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Recording and shift of everything under the keys."""
        first = np.searchsorted(self._key_N, keys.key_N, side="left")
        count = np.searchsorted(self._key_N, keys.key_N, side="right") - first
        count[count > _MOST_UNDER_KEY] = 0
        total = int(count.sum())
        place = np.repeat(first - np.cumsum(count) + count, count) + np.arange(total)
        item = self._item_N[place].astype(np.int64)
        shift = np.repeat(keys.time_N.astype(np.int64), count) - self._time_N[place]
        newest = [
            (number, time - earlier)
            for key, time in zip(keys.key_N.tolist(), keys.time_N.tolist(), strict=True)
            for number, earlier in self._waiting.get(key, ())
        ]
        if newest:
            more = np.array(newest, dtype=np.int64)
            item, shift = np.concatenate([item, more[:, 0]]), np.concatenate([shift, more[:, 1]])
        return item, shift

    def _sort_in(self) -> None:
        keys = np.fromiter(
            (key for key, found in self._waiting.items() for _ in found), np.uint32, count=self._count_waiting
        )
        pairs = np.array([pair for found in self._waiting.values() for pair in found], dtype=np.int64).reshape(-1, 2)
        key_N = np.concatenate([self._key_N, keys])
        order = np.argsort(key_N, kind="stable")
        self._key_N = key_N[order]
        self._item_N = np.concatenate([self._item_N, pairs[:, 0].astype(np.uint32)])[order]
        self._time_N = np.concatenate([self._time_N, pairs[:, 1].astype(np.uint16)])[order]
        self._waiting.clear()
        self._count_waiting = 0
