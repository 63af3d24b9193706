"""Find segments whose text does not match their audio, with a model briefly trained on the pool.

Source: a network first learns what most labels agree on, so early in training it contradicts wrong ones (Arpit et al.
2017; the small-loss selection of Co-teaching, Han et al. 2018). The criterion is an absolute margin, by which the model
prefers another token, because the share of wrong texts is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.selection import WrongTextFields
from engine.selection.candidate import Candidate

STRATUM = "wrong_text"
"""Stratum of the segments that are left out."""


@dataclass(frozen=True, slots=True)
class WrongTexts:
    """The decision about segments with wrong texts."""

    ids: frozenset[str]
    """Segments left out."""
    contradicted: int
    """Segments with a contradicted text, whether left out or not."""
    reason: str
    """The reason, in words."""


def find_wrong_texts(candidates: Sequence[Candidate], config: WrongTextFields) -> WrongTexts:
    """Decide which segments to leave out because their text seems wrong.

    A model that contradicts too large a share of the texts is too weak to judge; then none is left out.

    Args:
        candidates: with their contradictions; candidates without one are not judged.
        config: the threshold, and the maximum share of wrong texts.
    """
    limit = config.wrong_text_nats
    known = [c for c in candidates if c.contradiction is not None]
    if limit is None or not known:
        return WrongTexts(frozenset(), 0, "no text was judged")
    found = frozenset(c.segment.id for c in known if (c.contradiction or 0.0) > limit)
    told = f"the model contradicts {len(found)} of {len(known)} texts by more than {limit:g} nats"
    if len(found) > config.most_wrong_texts * len(known):
        allowed = f"at most {config.most_wrong_texts:.0%} may be wrong, so it is too weak to judge: none is left out"
        return WrongTexts(frozenset(), len(found), f"{told}; {allowed}")
    return WrongTexts(found, len(found), f"{told}; they are left out")
