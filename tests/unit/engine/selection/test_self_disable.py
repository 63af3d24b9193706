"""The disagreement counts only where it tells something of its own."""

from __future__ import annotations

import numpy as np
import pytest

from engine.selection.self_disable import Decision, decide, partial_correlation
from engine.selection.standardise import Floats, residuals


def _decide(d: Floats, drop: Floats, rho: Floats, seed: int = 0, least: int = 40) -> Decision:
    return decide(d, drop, rho, lambda_q=0.7, confidence=0.95, draws=1000, least=least, seed=seed)


def test_the_partial_correlation_is_that_of_the_residuals() -> None:
    x, y, z = np.random.default_rng(0).standard_normal((3, 200))
    x, y = x + z, y - 2 * z + 0.5 * x
    expected = np.corrcoef(residuals(x, z), residuals(y, z))[0, 1]
    assert partial_correlation(x, y, z) == pytest.approx(expected, abs=1e-9)
    assert partial_correlation(x, y, np.ones(200)) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
    assert partial_correlation(np.ones(200), y, z) == 0.0


def test_it_is_kept_where_it_predicts_the_drop_beyond_the_reducible_loss() -> None:
    d, rho, noise = np.random.default_rng(1).standard_normal((3, 200))
    decision = _decide(d, rho + 0.5 * d + noise, rho)
    assert decision.enabled
    assert decision.lambda_q == 0.7
    assert decision.low is not None
    assert decision.correlation is not None
    assert decision.high is not None
    assert 0 < decision.low < decision.correlation < decision.high
    assert decision.reason.startswith("on: the 95 % interval of the partial correlation, ")


def test_it_is_off_where_the_reducible_loss_explains_it_all() -> None:
    """Correlated with the drop, but only through rho."""
    generator = np.random.default_rng(2)
    rho, noise_d, noise_drop = generator.standard_normal((3, 300))
    d, drop = rho + 0.5 * noise_d, rho + 0.5 * noise_drop
    assert np.corrcoef(d, drop)[0, 1] > 0.6
    decision = _decide(d, drop, rho)
    assert not decision.enabled
    assert decision.lambda_q == 0.0


def test_it_is_off_where_it_predicts_the_opposite() -> None:
    d, rho, noise = np.random.default_rng(3).standard_normal((3, 200))
    decision = _decide(d, rho - d + noise, rho)
    assert not decision.enabled
    assert decision.high is not None
    assert decision.high < 0


def test_without_an_effect_it_is_rarely_on() -> None:
    """One-sided: at 95 % confidence, about one in forty."""
    wrong = 0
    for seed in range(120):
        d, rho, drop = np.random.default_rng([7, seed]).standard_normal((3, 100))
        wrong += _decide(d, drop, rho, seed).enabled
    assert wrong <= 9


def test_too_few_are_not_tested_and_the_same_seed_decides_the_same() -> None:
    d, rho, noise = np.random.default_rng(4).standard_normal((3, 39))
    decision = _decide(d, d + noise, rho)
    assert (decision.enabled, decision.correlation, decision.held_out) == (False, None, 39)
    assert decision.reason == "off: 39 segments were held out; the test needs at least 40"
    assert _decide(d, d + noise, rho, least=10) == _decide(d, d + noise, rho, least=10)
