"""Put scores of different kinds on one scale.

Legend: N segments.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PERCENTILES = (10.0, 90.0)
_LEAST_GROUP = 10


def winsorised(values_N: Floats) -> Floats:
    """Values clipped to the 10th and the 90th percentile."""
    if not len(values_N):
        return values_N
    low, high = np.percentile(values_N, PERCENTILES)
    return np.clip(values_N, low, high)


def z_scores(values_N: Floats) -> Floats:
    """Values with mean 0 and standard deviation 1; zeros if all are equal."""
    if not len(values_N):
        return values_N
    deviation = values_N.std()
    if deviation <= 1e-12 * max(1.0, float(np.abs(values_N).max())):
        return np.zeros_like(values_N)
    return np.asarray((values_N - values_N.mean()) / deviation)


def z_scores_apart(values_N: Floats, group_N: Bools) -> Floats:
    """Winsorised z-scores of two groups, each standardised separately.

    For the reducible loss: the model was trained on the warm-up's segments, so their loss fell further. The warm-up was
    drawn at random, so both groups have the same distribution of everything else, and standardising each separately
    removes that advantage. A group of fewer than 10 is not separated.
    """
    if min(int(group_N.sum()), int((~group_N).sum())) < _LEAST_GROUP:
        return z_scores(winsorised(values_N))
    scores_N = np.empty_like(values_N)
    for chosen_N in (group_N, ~group_N):
        scores_N[chosen_N] = z_scores(winsorised(values_N[chosen_N]))
    return scores_N


def residuals(values_N: Floats, *explained_by: Floats) -> Floats:
    """Residual of a least-squares fit of values on the others and a constant."""
    if not len(values_N):
        return values_N
    columns_NK = np.stack([np.ones_like(values_N), *(z_scores(column_N) for column_N in explained_by)], axis=1)
    coefficients_K, *_ = np.linalg.lstsq(columns_NK, values_N, rcond=None)
    return np.asarray(values_N - columns_NK @ coefficients_K)
