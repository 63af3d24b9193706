"""Every method: its budget, its weights, its ranking."""

from __future__ import annotations

import random
from typing import get_args

import numpy as np
import pytest
from pydantic import TypeAdapter

from engine.config.selection import AutoMethodConfig, QuantizationAwareConfig, RandomConfig, SelectionMethodConfig
from engine.selection.candidate import Choice
from engine.selection.methods import METHODS, choose, disagreement_residuals, settled
from tests.unit.engine.selection.pools import pool

NAMES = sorted(METHODS)
POOL = pool(300)
TOTAL_S = sum(c.encoder_s for c in POOL)


def _choose(
    name: str, *, share: float = 0.4, lambda_q: float = 0.0, seed: int = 0, shuffled: bool = False, **fields: object
) -> list[Choice]:
    config = TypeAdapter(SelectionMethodConfig).validate_python({"type": name, **fields})
    candidates = POOL.copy()
    if shuffled:
        random.Random(1).shuffle(candidates)
    return choose(candidates, config, share * TOTAL_S, lambda_q=lambda_q, seed=seed)


def test_every_method_of_the_config_has_an_implementation() -> None:
    union = get_args(get_args(SelectionMethodConfig)[0])
    assert sorted(member.model_fields["type"].default for member in union if member is not AutoMethodConfig) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_method_keeps_the_budget_and_depends_on_no_order(name: str) -> None:
    choices = _choose(name)
    used = sum(c.candidate.encoder_s for c in choices if c.selected)
    budget = TOTAL_S if name == "full" else 0.4 * TOTAL_S
    assert 0.97 * budget <= used <= budget + 1e-9
    assert _choose(name, shuffled=True) == choices
    selected = [c for c in choices if c.selected]
    assert all(c.weight == 0.0 for c in choices if not c.selected)
    tokens = sum(c.candidate.tokens for c in selected)
    assert sum(c.weight * c.candidate.tokens for c in selected) == pytest.approx(tokens)
    if name not in ("quantization_aware", "reducible_loss", "disagreement"):
        assert {c.weight for c in selected} == {1.0}


@pytest.mark.parametrize("name", ["top_loss", "el2n"])
def test_the_ranking_methods_take_the_highest(name: str) -> None:
    field = {"top_loss": "nll_before", "el2n": "el2n"}[name]
    choices = _choose(name)
    taken = [getattr(c.candidate, field) for c in choices if c.selected]
    left = [getattr(c.candidate, field) for c in choices if not c.selected]
    assert min(taken) >= max(left) - 1e-9


@pytest.mark.parametrize("name", ["reducible_loss", "quantization_aware"])
def test_a_high_reducible_loss_is_drawn_more_often_and_weighs_less(name: str) -> None:
    choices = _choose(name)
    rho = np.array([c.candidate.rho for c in choices], dtype=float)
    pi = np.array([c.inclusion_probability for c in choices])
    assert np.corrcoef(rho, pi)[0, 1] > 0.5
    selected = [c for c in choices if c.selected]
    assert np.corrcoef([c.inclusion_probability for c in selected], [c.weight for c in selected])[0, 1] < -0.5


def test_without_its_disagreement_the_method_is_the_reducible_loss() -> None:
    off, plain = _choose("quantization_aware", lambda_q=0.0), _choose("reducible_loss")
    assert [c.selected for c in off] == [c.selected for c in plain]
    assert [c.weight for c in off] == [c.weight for c in plain]
    on = _choose("quantization_aware", lambda_q=1.0)
    assert [c.score for c in on] != [c.score for c in off]
    residual = disagreement_residuals([c.candidate for c in on])
    expected = np.array([c.score for c in off], dtype=float) + residual
    np.testing.assert_allclose([c.score for c in on], expected)


def test_the_disagreement_counts_without_what_loss_explains() -> None:
    residual = [c.disagreement_residual for c in _choose("disagreement")]
    loss = [c.candidate.nll_before for c in _choose("disagreement")]
    assert abs(np.corrcoef(residual, loss)[0, 1]) < 0.1
    raw = [c.score for c in _choose("disagreement", residual=False)]
    assert np.corrcoef(raw, loss)[0, 1] > 0.8


def test_cowerage_takes_evenly_from_all_error_rates() -> None:
    choices = _choose("cowerage", wer_strata=4)
    for stratum in {c.stratum for c in choices}:
        here = [c for c in choices if c.stratum == stratum]
        share = sum(c.candidate.encoder_s for c in here if c.selected) / sum(c.candidate.encoder_s for c in here)
        assert share == pytest.approx(0.4, abs=0.08)


def test_strata_are_loss_duration_and_level() -> None:
    strata = {c.stratum for c in _choose("reducible_loss", nll_strata=2, duration_strata=2, snr_strata=2)}
    assert strata == {f"nll{a}-duration{b}-snr{c}" for a in (0, 1) for b in (0, 1) for c in (0, 1)}


def test_another_seed_draws_others_with_the_same_probabilities() -> None:
    one, other = _choose("reducible_loss"), _choose("reducible_loss", seed=1)
    assert [c.inclusion_probability for c in one] == [c.inclusion_probability for c in other]
    assert [c.selected for c in one] != [c.selected for c in other]


@pytest.mark.parametrize(("share", "tau"), [(1.0, 1.0), (0.5, 1.0), (0.375, 1.0), (0.37, 0.0), (0.1, 0.0)])
def test_scores_are_left_out_of_small_budgets(share: float, tau: float) -> None:
    decided = settled(QuantizationAwareConfig(), share)
    assert decided == QuantizationAwareConfig(tau=tau)
    assert settled(decided, 1.0 - share) == decided  # what was said stays
    assert settled(QuantizationAwareConfig(tau=0.3), share).tau == 0.3
    assert settled(RandomConfig(), share) == RandomConfig()


def test_without_a_budget_in_sight_scores_count() -> None:
    assert _choose("reducible_loss") == _choose("reducible_loss", tau=1.0)
    assert _choose("reducible_loss") != _choose("reducible_loss", tau=0.0)
