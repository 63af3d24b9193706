"""Test whether the quantised model's disagreement adds information to its reducible loss.

Legend: N held-out segments, R bootstrap draws.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.selection.standardise import Floats, winsorised

_DRAWS_AT_ONCE = 256


class Decision(BaseModel):
    """The decision about the disagreement, with its figures."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    enabled: bool
    """Whether the disagreement counts in the score."""
    lambda_q: float
    """Its weight in the score: the config's, or 0."""
    reason: str
    """The reason, in a sentence."""
    correlation: float | None = None
    """Partial correlation of the disagreement with the measured drop of the loss, given the reducible loss."""
    low: float | None = None
    """Lower end of its bootstrap interval."""
    high: float | None = None
    """Upper end of its bootstrap interval."""
    confidence: float
    """Confidence level of the interval."""
    draws: int
    """Number of bootstrap draws."""
    held_out: int
    """Number of held-out segments."""


def decide(
    disagreement_N: Floats,
    drop_N: Floats,
    rho_N: Floats,
    *,
    lambda_q: float,
    confidence: float,
    draws: int,
    least: int,
    seed: int,
) -> Decision:
    """Keep the disagreement only if the interval of its partial correlation lies above zero.

    Args:
        disagreement_N: of each held-out segment, as in the score.
        drop_N: drop of each segment's loss in one epoch on these segments, in nats per token.
        rho_N: reducible loss of each segment.
        lambda_q: weight of the disagreement if it is kept.
        confidence: confidence level of the interval.
        draws: number of bootstrap draws.
        least: minimum number of segments for the test.
        seed: of the draws.
    """
    count = len(disagreement_N)
    told = {"confidence": confidence, "draws": draws, "held_out": count}
    if count < least:
        reason = f"off: {count} segments were held out; the test needs at least {least}"
        return Decision(enabled=False, lambda_q=0.0, reason=reason, **told)
    disagreement_N, drop_N, rho_N = (winsorised(v) for v in (disagreement_N, drop_N, rho_N))
    correlation = partial_correlation(disagreement_N, drop_N, rho_N)
    low, high = _interval(disagreement_N, drop_N, rho_N, confidence, draws, seed)
    enabled = low > 0.0
    interval = f"{100 * confidence:g} % interval of the partial correlation, {low:.3f} to {high:.3f},"
    reason = f"on: the {interval} lies above zero" if enabled else f"off: the {interval} does not lie above zero"
    return Decision(
        enabled=enabled,
        lambda_q=lambda_q if enabled else 0.0,
        reason=reason,
        correlation=correlation,
        low=low,
        high=high,
        **told,
    )


def partial_correlation(x_N: Floats, y_N: Floats, given_N: Floats) -> float:
    """Correlation of x and y after regressing both on `given_N`; 0 if one is constant."""
    return float(_partial(np.full((1, len(x_N)), 1.0 / max(1, len(x_N))), x_N, y_N, given_N)[0])


def _interval(
    x_N: Floats, y_N: Floats, given_N: Floats, confidence: float, draws: int, seed: int
) -> tuple[float, float]:
    """Percentile interval over bootstrap resamples of the segments."""
    generator = np.random.default_rng([seed, 0xD15A])
    count = len(x_N)
    found = []
    for start in range(0, draws, _DRAWS_AT_ONCE):
        size = min(_DRAWS_AT_ONCE, draws - start)
        times_RN = generator.multinomial(count, np.full(count, 1.0 / count), size=size)
        found.append(_partial(times_RN / count, x_N, y_N, given_N))
    tail = 50 * (1 - confidence)
    low, high = np.percentile(np.concatenate(found), [tail, 100 - tail])
    return float(low), float(high)


def _partial(share_RN: Floats, x_N: Floats, y_N: Floats, given_N: Floats) -> Floats:
    """Partial correlation for each row of shares (which sum to 1), from the three plain ones."""
    variables = [v - v.mean() for v in (x_N, y_N, given_N)]
    means = [share_RN @ v for v in variables]

    def covariance(a: int, b: int) -> Floats:
        return np.asarray(share_RN @ (variables[a] * variables[b]) - means[a] * means[b])

    def correlation(a: int, b: int) -> Floats:
        spread = np.sqrt(np.maximum(covariance(a, a) * covariance(b, b), 0.0))
        return np.divide(covariance(a, b), spread, out=np.zeros_like(spread), where=spread > 1e-15)

    xy, xz, yz = correlation(0, 1), correlation(0, 2), correlation(1, 2)
    left = np.sqrt(np.maximum((1 - xz**2) * (1 - yz**2), 0.0))
    return np.clip(np.divide(xy - xz * yz, left, out=np.zeros_like(left), where=left > 1e-9), -1.0, 1.0)
