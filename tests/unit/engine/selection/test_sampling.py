"""The draw: probabilities met exactly, a budget never exceeded, estimates without bias, no order that matters."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import SelectionError
from engine.selection.sampling import draw, highest, inclusion_probabilities, loss_weights, random_order

COUNT = 60


def _pool(seed: int = 0, count: int = COUNT):  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(seed)
    score = generator.standard_normal(count)
    seconds = np.ceil(generator.uniform(0.3, 3.0, count) * 2) / 2
    strata = [f"s{i % 4}" for i in range(count)]
    return score, seconds, strata, [f"id{i}" for i in range(count)]


def test_probabilities_use_the_budget_have_a_floor_and_follow_the_score() -> None:
    score, seconds, _, _ = _pool()
    budget = 0.4 * seconds.sum()
    pi = inclusion_probabilities(score, seconds, budget, tau=1.0, least_inclusion=0.4)
    expected = budget - seconds.max()
    assert (pi * seconds).sum() == pytest.approx(expected, abs=1e-6)
    floor = 0.4 * expected / seconds.sum()
    assert pi.min() == pytest.approx(floor)
    assert pi.max() <= 1.0
    between = (pi > floor + 1e-9) & (pi < 1 - 1e-9)
    assert between.sum() > 10
    ratio = pi[between] / np.exp(score[between])  # proportional to exp(tau s) where neither end holds
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    alike = inclusion_probabilities(score, seconds, budget, tau=0.0, least_inclusion=0.4)
    assert np.ptp(alike) == 0.0


def test_a_pool_that_fits_is_taken_whole_and_a_budget_too_small_says_so() -> None:
    score, seconds, _, _ = _pool()
    assert (inclusion_probabilities(score, seconds, seconds.sum(), tau=1.0, least_inclusion=0.4) == 1.0).all()
    with pytest.raises(SelectionError, match=r"the budget is 5\.0 s .* the longest segment takes 3\.0 s"):
        inclusion_probabilities(score, seconds, 5.0, tau=1.0, least_inclusion=0.4)


def test_over_many_seeds_each_is_drawn_as_often_as_its_probability_says() -> None:
    score, seconds, strata, ids = _pool()
    pi = inclusion_probabilities(score, seconds, 0.4 * seconds.sum(), tau=1.0, least_inclusion=0.4)
    draws = 3000
    drawn = np.stack([draw(pi, seconds, strata, ids, seed) for seed in range(draws)])
    error = np.sqrt(np.maximum(pi * (1 - pi), 1e-12) / draws)
    deviation = np.abs(drawn.mean(axis=0) - pi) / error
    assert deviation.max() < 4.2  # of 60 normal deviations
    assert (deviation**2).mean() < 1.7
    assert drawn[:, pi == 1.0].all()


def test_the_budget_is_kept_in_every_draw_and_nearly_used() -> None:
    score, seconds, strata, ids = _pool()
    budget = 0.4 * seconds.sum()
    pi = inclusion_probabilities(score, seconds, budget, tau=1.5, least_inclusion=0.4)
    for seed in range(300):
        used = seconds[draw(pi, seconds, strata, ids, seed)].sum()
        assert budget - 2 * seconds.max() <= used <= budget


def test_every_stratum_gets_its_expected_seconds() -> None:
    score, seconds, strata, ids = _pool(count=400)
    pi = inclusion_probabilities(score, seconds, 0.5 * seconds.sum(), tau=1.0, least_inclusion=0.4)
    for seed in range(50):
        chosen = draw(pi, seconds, strata, ids, seed)
        for stratum in set(strata):
            here = np.array([s == stratum for s in strata])
            off = (seconds * (chosen - pi))[here].sum()
            assert abs(off) <= 2 * seconds.max()


def test_weighted_losses_estimate_those_of_the_pool_without_bias() -> None:
    """Horvitz-Thompson: the mean over draws of sum(L / pi) is sum(L), within its standard error."""
    score, seconds, strata, ids = _pool()
    loss = np.exp(0.5 * score) * seconds
    tokens = np.round(8 * seconds)
    pi = inclusion_probabilities(score, seconds, 0.5 * seconds.sum(), tau=1.0, least_inclusion=0.45)
    estimates, per_token = [], []
    for seed in range(2000):
        chosen = draw(pi, seconds, strata, ids, seed)
        estimates.append((loss[chosen] / pi[chosen]).sum())
        weights = loss_weights(pi[chosen], tokens[chosen], 5.0)
        assert (1 / pi[chosen]).max() <= 5.0  # nothing is clipped at this floor
        per_token.append((weights * loss[chosen]).sum() / tokens[chosen].sum())
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - loss.sum()) < 3.5 * error
    assert np.mean(per_token) == pytest.approx(loss.sum() / tokens.sum(), rel=0.02)
    # Without weights the estimate is far off: the score prefers high losses.
    plain = [loss[c].sum() / tokens[c].sum() for c in (draw(pi, seconds, strata, ids, s) for s in range(200))]
    assert np.mean(plain) > 1.05 * loss.sum() / tokens.sum()


def test_weights_have_a_ceiling_and_a_mean_of_one_over_tokens() -> None:
    pi, tokens = np.array([0.01, 0.2, 0.5, 1.0]), np.array([3.0, 10.0, 2.0, 7.0])
    weights = loss_weights(pi, tokens, 5.0)
    assert (weights * tokens).sum() == pytest.approx(tokens.sum())
    np.testing.assert_allclose(weights / weights[-1], [5.0, 5.0, 2.0, 1.0])
    assert loss_weights(np.full(3, 0.3), np.array([1.0, 2.0, 3.0]), 5.0).tolist() == [1.0, 1.0, 1.0]


def test_no_order_of_the_input_changes_the_draw_and_a_seed_does() -> None:
    score, seconds, strata, ids = _pool()
    pi = inclusion_probabilities(score, seconds, 0.4 * seconds.sum(), tau=1.0, least_inclusion=0.4)

    def drawn(order: list[int], seed: int) -> set[str]:
        chosen = draw(pi[order], seconds[order], [strata[i] for i in order], [ids[i] for i in order], seed)
        return {ids[i] for i, c in zip(order, chosen, strict=True) if c}

    straight = list(range(COUNT))
    mixed = np.random.default_rng(3).permutation(COUNT).tolist()
    assert drawn(straight, 5) == drawn(mixed, 5)
    assert drawn(straight, 5) != drawn(straight, 6)
    first = [ids[i] for i in random_order(ids, 1, "roles")]
    again = [ids[i] for i in mixed]
    assert [again[i] for i in random_order(again, 1, "roles")] == first
    assert [ids[i] for i in random_order(ids, 2, "roles")] != first


def test_the_highest_are_taken_in_order_until_the_budget_is_used() -> None:
    score, seconds = np.array([1.0, 5.0, 3.0, 4.0]), np.array([2.0, 2.0, 2.0, 1.0])
    ids = list("abcd")
    assert highest(score, seconds, 5.0, ids, 0).tolist() == [False, True, True, True]
    assert highest(score, seconds, 4.9, ids, 0).tolist() == [False, True, False, True]
