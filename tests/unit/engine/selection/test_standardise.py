"""One scale for all scores."""

from __future__ import annotations

import numpy as np

from engine.selection.standardise import residuals, winsorised, z_scores, z_scores_apart
from engine.selection.strata import cross, quantile_classes


def test_what_lies_beyond_the_percentiles_is_moved_to_them() -> None:
    values = np.arange(101.0)
    values[100] = 1e9
    moved = winsorised(values)
    assert (moved.min(), moved.max()) == (10.0, 90.0)
    assert np.array_equal(moved[10:91], values[10:91])


def test_residuals_are_uncorrelated_with_what_explains_them() -> None:
    generator = np.random.default_rng(0)
    nll, duration, own = generator.standard_normal((3, 500))
    left = residuals(3 * nll - 2 * duration + own + 7, nll, duration)
    assert np.abs(left.mean()) < 1e-9
    assert np.abs(np.corrcoef(left, nll)[0, 1]) < 1e-9
    assert np.abs(np.corrcoef(left, duration)[0, 1]) < 1e-9
    assert np.corrcoef(left, own)[0, 1] > 0.99
    # One that never changes explains nothing and breaks nothing.
    np.testing.assert_allclose(residuals(own, np.ones(500)), own - own.mean())


def test_z_scores_of_equal_values_are_zero() -> None:
    assert np.array_equal(z_scores(np.full(5, 3.3)), np.zeros(5))
    scores = z_scores(np.array([1.0, 2.0, 6.0]))
    np.testing.assert_allclose([scores.mean(), scores.std()], [0.0, 1.0], atol=1e-12)


def test_those_that_the_warm_up_trained_on_get_no_advantage() -> None:
    generator = np.random.default_rng(0)
    values, trained = generator.standard_normal(400), np.arange(400) < 40
    shifted = values + 5.0 * trained
    scores = z_scores_apart(shifted, trained)
    assert abs(scores[trained].mean() - scores[~trained].mean()) < 1e-9
    assert np.corrcoef(scores, values)[0, 1] > 0.9
    few = np.arange(400) < 3
    np.testing.assert_allclose(z_scores_apart(values, few), z_scores(winsorised(values)))


def test_classes_are_of_equal_size_and_equal_values_share_one() -> None:
    values = np.random.default_rng(0).random(100)
    assert [quantile_classes(values, 4).count(c) for c in range(4)] == [25] * 4
    assert set(quantile_classes(np.ones(10), 4)) == {0}
    assert cross(("a", np.array([1.0, 2.0]), 2), ("b", None, 3), ("c", np.array([5.0, 4.0]), 2)) == ["a0-c1", "a1-c0"]
    assert cross(("a", np.array([1.0, 2.0]), 1)) == ["all", "all"]
