"""Texts that a model contradicts: left out, unless it contradicts too many."""

from __future__ import annotations

import pytest

from engine.config.selection import ReducibleLossConfig
from engine.selection.candidate import Candidate
from engine.selection.methods import choose
from engine.selection.wrong_texts import STRATUM, find_wrong_texts
from tests.unit.engine.selection.pools import candidate, ids


def _pool(contradicted: int, count: int = 40) -> list[Candidate]:
    return [
        candidate(n, nll_before=1.0 + n / 100, nll_after=0.5, contradiction=5.0 if n < contradicted else 1.0)
        for n in range(count)
    ]


def test_contradicted_texts_are_never_selected_and_the_rest_fills_the_budget() -> None:
    candidates = _pool(8)
    choices = choose(candidates, ReducibleLossConfig(), 0.5 * 40, lambda_q=0.0, seed=0)
    assert [c.candidate.segment.id for c in choices] == ids(candidates)
    left_out = [c for c in choices if c.stratum == STRATUM]
    assert [c.candidate.segment.id for c in left_out] == ids(candidates[:8])
    assert all((c.selected, c.inclusion_probability, c.weight, c.score) == (False, 0.0, 0.0, None) for c in left_out)
    assert sum(c.candidate.encoder_s for c in choices if c.selected) == pytest.approx(20.0, abs=1.0)


def test_unset_nobody_is_judged() -> None:
    choices = choose(_pool(8), ReducibleLossConfig(wrong_text_nats=None), 30.0, lambda_q=0.0, seed=0)
    assert STRATUM not in {c.stratum for c in choices}
    assert find_wrong_texts(_pool(8), ReducibleLossConfig(wrong_text_nats=None)).reason == "no text was judged"
    assert find_wrong_texts([candidate(1)], ReducibleLossConfig()).reason == "no text was judged"


@pytest.mark.parametrize(("contradicted", "left_out"), [(0, 0), (12, 12), (13, 0), (40, 0)])
def test_a_model_that_contradicts_too_many_is_not_believed(contradicted: int, left_out: int) -> None:
    found = find_wrong_texts(_pool(contradicted), ReducibleLossConfig(most_wrong_texts=0.3))
    assert (found.contradicted, len(found.ids)) == (contradicted, left_out)
    assert f"contradicts {contradicted} of 40 texts by more than 3 nats" in found.reason
    assert ("too weak to judge" in found.reason) == (contradicted > 12)
