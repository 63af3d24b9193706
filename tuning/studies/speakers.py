"""Speakers of a study's data: who is trained on, who is tested on, and the word errors of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from engine.data.manifest import read_manifest
from engine.data.version_files import MANIFEST_NAME
from engine.metrics.word_errors import count_errors


def speakers_of(data: Path) -> list[str]:
    """All speakers of a dataset version, sorted."""
    return sorted({u.group for u in read_manifest(data / MANIFEST_NAME) if u.group})


def division(speakers: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """Training and test speakers: each half of the speakers in turn, in shuffled order."""
    halves = list(combinations(sorted(speakers), len(speakers) // 2))
    order = np.random.default_rng(0x5E0).permutation(len(halves))
    train = list(halves[order[seed % len(halves)]])
    return train, [s for s in sorted(speakers) if s not in train]


def errors_by_speaker(
    rows: Sequence[Mapping[str, str]], speaker: Callable[[str], str], normalize: Callable[[str], str]
) -> dict[str, list[int]]:
    """Word errors and words of each speaker.

    Args:
        rows: predictions with `id`, `reference` and `hypothesis`.
        speaker: of an utterance, by its id.
        normalize: applied to both texts.
    """
    pairs: dict[str, tuple[list[str], list[str]]] = {}
    for row in rows:
        references, hypotheses = pairs.setdefault(speaker(row["id"]), ([], []))
        references.append(normalize(row["reference"]))
        hypotheses.append(normalize(row["hypothesis"]))
    counts = {name: count_errors(*texts) for name, texts in sorted(pairs.items())}
    return {name: [count.word_errors, count.words] for name, count in counts.items()}
