"""Segments whose text is not what is said in them, as far as a model can tell that was briefly trained on the pool.

Source: what a network learns first is what most labels agree on, so early in training it contradicts wrong ones
(Arpit et al. 2017; the small-loss selection of Co-teaching, Han et al. 2018). Instead of a share of the highest losses,
which would have to be known, the judgement is absolute: how much surer the model is of another token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.selection import WrongTextFields
from engine.selection.candidate import Candidate

STRATUM = "wrong_text"
"""Class of the choices that are left out for it."""


@dataclass(frozen=True, slots=True)
class WrongTexts:
    """What was decided about them."""

    ids: frozenset[str]
    """Segments that are left out."""
    contradicted: int
    """Segments whose text is contradicted, left out or not."""
    reason: str
    """Why so, in words."""


def find_wrong_texts(candidates: Sequence[Candidate], config: WrongTextFields) -> WrongTexts:
    """Decide which segments are left out because their text seems to be wrong.

    A model that contradicts more texts than may be wrong is too poor to judge, and none is left out.

    Args:
        candidates: with their contradictions; without them nobody is judged.
        config: how sure the model must be, and how many texts may be wrong.
    """
    limit = config.wrong_text_nats
    known = [c for c in candidates if c.contradiction is not None]
    if limit is None or not known:
        return WrongTexts(frozenset(), 0, "no text was judged")
    found = frozenset(c.segment.id for c in known if (c.contradiction or 0.0) > limit)
    told = f"the model contradicts {len(found)} of {len(known)} texts by more than {limit:g} nats"
    if len(found) > config.most_wrong_texts * len(known):
        allowed = f"at most {config.most_wrong_texts:.0%} may be wrong, so it is too poor to judge: none is left out"
        return WrongTexts(frozenset(), len(found), f"{told}; {allowed}")
    return WrongTexts(found, len(found), f"{told}; they are left out")
