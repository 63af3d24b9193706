"""Divide a new dataset version into train, validation and test once, so that every run tests on the same data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.config.division import DivisionConfig
from engine.data.example import AnyExample, AudioInput, Split
from engine.data.targets import TARGETS, TargetKind, written
from engine.media.registry import medium_named

_FEWEST_SPEAKERS = 3  # with fewer speakers, one for the test is too large a share of the voices
_MOST_HELD_OUT = 0.4  # of the data: a speaker with more is not held out, unless that much is requested
_LEAST_HELD_OUT = 0.5  # of the requested share
_FEW_LEFT = 0.2  # of the data; less to train on is worth a warning
_MOST_CLASSES = 100  # distinct texts up to which they are classes
_BINS = 3  # of durations, otherwise
_MOST_COMPARED = 1000  # groups

Matrix = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Together = Literal["speaker", "recording"]


class Division(NamedTuple):
    """The division of a dataset version."""

    splits: list[Split]
    """Split of each utterance, in order."""
    together: Together
    """Unit that was never divided in the test part."""
    warnings: list[str]
    """Warnings for readers of the test's error rates."""


def divide(utterances: Sequence[AnyExample], files: Sequence[str], config: DivisionConfig) -> Division:
    """The split of each utterance, stratified by target if targets are classes, else by length.

    Speakers are never divided if there are at least three and all are known. If they are so uneven that whole speakers
    come to less than half of the requested share, or one of them would take two fifths of the audio, that split is drawn by
    recording, with a warning.

    Args:
        utterances: of a dataset version.
        files: recorded file of each utterance.
        config: shares, and the unit that is never divided.
    """
    speakers = {u.group for u in utterances}
    by_speaker = config.by == "speaker" and None not in speakers and len(speakers) >= _FEWEST_SPEAKERS
    medium = medium_named(utterances[0].input.medium if utterances else AudioInput.medium)
    kind = medium.target(TARGETS[utterances[0].target.type if utterances else "text"])
    warnings = []
    if config.by == "speaker" and not by_speaker:
        warnings.append(
            f"there are fewer than three {kind.group}s, or {_items(kind)} of which the {kind.group} is not known: test and "
            f"validation are drawn by {medium.noun}, and do not tell how a model does on {_unheard(kind)}"
        )
    pool = _Pool(utterances, config.seed)
    split_N: list[Split] = ["train"] * len(utterances)
    together: Together = "speaker" if by_speaker else "recording"
    wanted: tuple[tuple[Split, float], ...] = (
        ("test", config.test_fraction),
        ("validation", config.validation_fraction),
    )
    for split, fraction in wanted:
        free = [place for place, before in enumerate(split_N) if before == "train"]
        chosen: list[int] = []
        if by_speaker:
            most = max(_MOST_HELD_OUT, fraction) * pool.total
            chosen = pool.whole_groups([u.group or "" for u in utterances], free, fraction, most)
            if pool.amount(chosen) < _LEAST_HELD_OUT * fraction * pool.total:
                chosen = []
        if fraction and not chosen:
            chosen = pool.whole_groups(files, free, fraction)
            if by_speaker and chosen:
                warnings.append(_uneven(split, utterances, kind))
                together = "recording" if split == "test" else together
        if fraction and not chosen:
            warnings.append(
                f"nothing is kept for {split}: there is only one {medium.noun}; give others, or cut it into several"
            )
        for place in chosen:
            split_N[place] = split
    left = pool.amount([place for place, split in enumerate(split_N) if split == "train"])
    if left < _FEW_LEFT * pool.total:
        warnings.append(
            f"only {left:.0f} of {pool.total:.0f} {medium.unit} are left to train on; ask for a smaller test_fraction "
            "or validation_fraction, or divide by recording"
        )
    return Division(split_N, together, warnings)


def speakers_are_whole(utterances: Sequence[AnyExample], splits: Sequence[Split]) -> bool:
    """Whether no speaker is in two splits."""
    found = {(u.group, split) for u, split in zip(utterances, splits, strict=True) if u.group is not None}
    return len(found) == len({speaker for speaker, _ in found})


def _uneven(split: Split, utterances: Sequence[AnyExample], kind: TargetKind) -> str:
    (speaker, count), *_ = Counter(u.group for u in utterances).most_common(1)
    return (
        f"no whole {kind.group}s of a fitting size are left for {split} ({speaker} has {count} of {len(utterances)} "
        f"{_items(kind)}): {split} is drawn by recording, and does not tell how a model does on {_unheard(kind)}"
    )


def _items(kind: TargetKind) -> str:
    return "utterances" if kind.is_speech else "items"


def _unheard(kind: TargetKind) -> str:
    return "voices that it has not heard" if kind.is_speech else "sources that it has not heard"


class _Pool:
    """The utterances as amounts of data per stratum."""

    def __init__(self, utterances: Sequence[AnyExample], seed: int) -> None:
        self._stratum_N, self._strata = _strata(utterances)
        self._amount_N = np.array(_amounts(utterances), dtype=np.float64)
        self._seed = seed
        self.total = float(self._amount_N.sum())

    def amount(self, places: Sequence[int]) -> float:
        """Total amount of some utterances."""
        return float(self._amount_N[list(places)].sum())

    def whole_groups(
        self, names: Sequence[str], free: Sequence[int], fraction: float, most: float = np.inf
    ) -> list[int]:
        """Indices of the free utterances of some groups that together have about a fraction of all data.

        Args:
            names: the group of each utterance.
            free: indices of utterances that may be chosen.
            fraction: of the total amount.
            most: maximum amount of a chosen group.
        """
        groups, group_N = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
        amount_GS = np.zeros((len(groups), self._strata))
        np.add.at(amount_GS, (group_N, self._stratum_N), self._amount_N)
        order = np.random.default_rng([self._seed, 0xD117]).permutation(len(groups)).tolist()
        there = set(group_N[list(free)].tolist())
        small = [group for group in order if group in there and amount_GS[group].sum() <= most]
        # One group stays free, so that something is left to train on.
        chosen = _chosen(amount_GS, small, fraction, keep=int(len(small) == len(there)))
        return [place for place in free if group_N[place] in chosen]


def _strata(utterances: Sequence[AnyExample]) -> tuple[Numbers, int]:
    """The stratum of each utterance, and the number of strata."""
    targets = [written(u.target) for u in utterances]
    texts = Counter(targets)
    if len(texts) <= min(_MOST_CLASSES, len(utterances) // 2):
        known = {text: number for number, text in enumerate(sorted(texts))}
        return np.array([known[text] for text in targets]), len(known)
    amounts = np.array(_amounts(utterances))
    edges = np.quantile(amounts, np.arange(1, _BINS) / _BINS)
    return np.searchsorted(edges, amounts, side="right"), _BINS


def _amounts(utterances: Sequence[AnyExample]) -> list[float]:
    return [medium_named(u.input.medium).amount(u.input) for u in utterances]


def _chosen(amount_GS: Matrix, free: Sequence[int], fraction: float, keep: int) -> set[int]:
    """Groups that together have about a fraction of every stratum; chooses at least one and leaves `keep` free."""
    if fraction == 0.0 or len(free) <= keep:
        return set()
    return (
        _nearest(amount_GS, free, fraction, keep) if len(free) <= _MOST_COMPARED else _drawn(amount_GS, free, fraction)
    )


def _drawn(amount_GS: Matrix, free: Sequence[int], fraction: float) -> set[int]:
    """For many groups: from each stratum the first in a random order, until its target is met."""
    stratum_G, amount_G = amount_GS.argmax(axis=1), amount_GS.sum(axis=1)
    rest_S = fraction * np.bincount(stratum_G, amount_G, amount_GS.shape[1])
    chosen = set[int]()
    for group in free:
        if rest_S[stratum_G[group]] >= amount_G[group] / 2:
            chosen.add(group)
            rest_S[stratum_G[group]] -= amount_G[group]
    return chosen or {free[0]}


def _nearest(amount_GS: Matrix, free: Sequence[int], fraction: float, keep: int) -> set[int]:
    """For few groups, which may be large: greedily the group that leaves the smallest error."""
    rest_S, chosen = fraction * amount_GS.sum(axis=0), set[int]()
    left = list(free)
    while len(left) > keep:
        candidates = np.array(left)
        # Excess costs as much as a deficit. Ties: the first in a random order.
        misses = _miss(rest_S - amount_GS[candidates])
        best = int(np.argmin(misses))
        if chosen and misses[best] >= _miss(rest_S[None])[0]:
            break
        group = left.pop(best)
        chosen.add(group)
        rest_S -= amount_GS[group]
    return chosen


def _miss(rest_CS: Matrix) -> Matrix:
    """Distance of each candidate from the targets of every stratum and of the total."""
    miss_C: Matrix = np.square(rest_CS).sum(axis=1) + np.square(rest_CS.sum(axis=1))
    return miss_C
