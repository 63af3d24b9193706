"""Candidates with scores that we chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.data.example import Piece
from engine.segments.segment import Segment
from engine.selection.candidate import Candidate


def candidate(number: int, *, duration_s: float = 1.0, snr_db: float = 10.0, **scores: Any) -> Candidate:
    segment = Segment(
        f"c{number:04d}",
        (Piece("a.wav", 10.0 * number, duration_s),),
        "one",
        "amara",
        "train",
        (f"u{number}",),
        duration_s,
        snr_db,
    )
    told = {"encoder_s": float(np.ceil(2 * duration_s) / 2), "tokens": 4} | scores
    return Candidate(segment, **told)


def pool(count: int, seed: int = 0) -> list[Candidate]:
    """Random losses, durations and levels; the disagreement follows the loss, as it does in truth."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        before = float(generator.gamma(2.0, 0.5))
        rows.append(
            candidate(
                number,
                duration_s=float(generator.uniform(0.3, 3.0)),
                snr_db=float(generator.uniform(0, 40)),
                tokens=int(generator.integers(2, 30)),
                nll_before=before,
                nll_after=before * float(generator.uniform(0.3, 1.1)),
                disagreement=0.05 * before + 0.02 * float(generator.random()),
                el2n=float(generator.random()),
                word_errors=int(generator.integers(0, 4)),
                words=3,
            )
        )
    return rows


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [c.segment.id for c in candidates]
