"""Dividing a new dataset version into train, validation and test, once, so that every run tests on the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.config.division import DivisionConfig
from engine.data.manifest import Split, Utterance

_FEWEST_SPEAKERS = 3  # of fewer, one for the test is too much of the voices
_MOST_CLASSES = 100  # distinct texts up to which they are classes
_BINS = 3  # of durations, otherwise
_MOST_COMPARED = 1000  # groups

Matrix = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


def divide(
    utterances: Sequence[Utterance], files: Sequence[str], config: DivisionConfig
) -> tuple[list[Split], Literal["speaker", "recording"]]:
    """The split of each utterance, evenly over texts where they are classes, else over lengths.

    Args:
        utterances: of a dataset version.
        files: the recorded file that each comes from.
        config: how much is kept, and what stays together.

    Returns:
        The splits, in order, and what stayed together.
    """
    speakers = {u.speaker for u in utterances}
    by_speaker = config.by == "speaker" and None not in speakers and len(speakers) >= _FEWEST_SPEAKERS
    names = [u.speaker or "" for u in utterances] if by_speaker else list(files)
    groups, group_N = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
    stratum_N, strata = _strata(utterances)
    seconds_GS = np.zeros((len(groups), strata))
    np.add.at(seconds_GS, (group_N, stratum_N), [u.duration_s for u in utterances])

    order = np.random.default_rng([config.seed, 0xD117]).permutation(len(groups))
    split_G: list[Split] = ["train"] * len(groups)
    free = order.tolist()
    wanted: tuple[tuple[Split, float], ...] = (
        ("test", config.test_fraction),
        ("validation", config.validation_fraction),
    )
    for split, fraction in wanted:
        chosen = _chosen(seconds_GS, free, fraction)
        for group in chosen:
            split_G[group] = split
        free = [group for group in free if group not in chosen]
    return [split_G[group] for group in group_N.tolist()], "speaker" if by_speaker else "recording"


def _strata(utterances: Sequence[Utterance]) -> tuple[Numbers, int]:
    """A class of each utterance, and how many there are."""
    texts = Counter(u.text for u in utterances)
    if len(texts) <= min(_MOST_CLASSES, len(utterances) // 2):
        known = {text: number for number, text in enumerate(sorted(texts))}
        return np.array([known[u.text] for u in utterances]), len(known)
    durations = np.array([u.duration_s for u in utterances])
    edges = np.quantile(durations, np.arange(1, _BINS) / _BINS)
    return np.searchsorted(edges, durations, side="right"), _BINS


def _chosen(seconds_GS: Matrix, free: Sequence[int], fraction: float) -> set[int]:
    """Groups that together have about a fraction of every stratum; at least one is chosen, and one stays free."""
    if fraction == 0.0 or len(free) < 2:
        return set()
    return (_nearest if len(free) <= _MOST_COMPARED else _drawn)(seconds_GS, free, fraction)


def _drawn(seconds_GS: Matrix, free: Sequence[int], fraction: float) -> set[int]:
    """Of many groups, from each stratum the first of a random order, until it has what is wanted."""
    stratum_G, seconds_G = seconds_GS.argmax(axis=1), seconds_GS.sum(axis=1)
    rest_S = fraction * np.bincount(stratum_G, seconds_G, seconds_GS.shape[1])
    chosen = set[int]()
    for group in free:
        if rest_S[stratum_G[group]] >= seconds_G[group] / 2:
            chosen.add(group)
            rest_S[stratum_G[group]] -= seconds_G[group]
    return chosen or {free[0]}


def _nearest(seconds_GS: Matrix, free: Sequence[int], fraction: float) -> set[int]:
    """Of few groups, which may be large, one after the other that which leaves the least to be wished."""
    rest_S, chosen = fraction * seconds_GS.sum(axis=0), set[int]()
    left = list(free)
    while len(left) > 1:
        candidates = np.array(left)
        # What is chosen too much of costs as what is missing. Equal candidates: the first of a random order.
        misses = _miss(rest_S - seconds_GS[candidates])
        best = int(np.argmin(misses))
        if chosen and misses[best] >= _miss(rest_S[None])[0]:
            break
        group = left.pop(best)
        chosen.add(group)
        rest_S -= seconds_GS[group]
    return chosen


def _miss(rest_CS: Matrix) -> Matrix:
    """How far each candidate would be from what is wanted: of every stratum, and in all."""
    miss_C: Matrix = np.square(rest_CS).sum(axis=1) + np.square(rest_CS.sum(axis=1))
    return miss_C
