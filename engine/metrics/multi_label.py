"""Scores of every class for an example that may have several: chosen classes, and mean average precision.

Legend: N examples, C classes, T distinct scores.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.metrics.pairs import check_pairs


def classes_above(scores_NC: ArrayLike, classes: Sequence[str], threshold: float = 0.5) -> list[frozenset[str]]:
    """The classes of each example whose score is above a threshold.

    Args:
        scores_NC: score of each class for each example.
        classes: names of the C classes.
        threshold: 0.5 for probabilities; 0 for logits, which is the same decision.

    Raises:
        ValueError: scores of another shape, or not a number.
    """
    chosen_NC = _matrix(scores_NC, len(classes)) > threshold
    return [frozenset(name for name, chosen in zip(classes, row_C, strict=True) if chosen) for row_C in chosen_NC]


def mean_average_precision(references: Sequence[Set[str]], scores_NC: ArrayLike, classes: Sequence[str]) -> float:
    """Mean of `average_precision` over the classes that at least one example has, 0 to 1.

    Args:
        references: classes of each example.
        scores_NC: logits or probabilities: only their order within a class counts.
        classes: names of the C classes.

    Raises:
        ValueError: no examples, another number of scores than of references, scores of another shape or not a number, a
            class in a reference that is not in `classes`, or no reference with a class.

    Source: as for AudioSet (Hershey et al. 2017). scikit-learn and torchmetrics count a class without an example as 0,
    which would lower the value on a split that lacks rare classes.
    """
    scores = _matrix(scores_NC, len(classes))
    check_pairs(references, scores)
    columns = {name: c for c, name in enumerate(classes)}
    has_NC = np.zeros(scores.shape, dtype=np.bool_)
    for n, names in enumerate(references):
        for name in names:
            if name not in columns:
                raise ValueError(f"example {n} has the class {name!r}, which has no scores")
            has_NC[n, columns[name]] = True
    found = [average_precision(has_NC[:, c], scores[:, c]) for c in range(len(classes)) if has_NC[:, c].any()]
    if not found:
        raise ValueError("no example has a class, so average precision is undefined")
    return float(np.mean(found))


def average_precision(has_N: NDArray[np.bool_], scores_N: NDArray[np.float64]) -> float:
    """Area under the steps of the precision-recall curve: sum over thresholds of recall gained times precision there.

    Examples of equal score are taken together, so their order does not matter.

    Args:
        has_N: whether each example has the class; at least one has.
        scores_N: score of the class for each example.

    Source: as scikit-learn's `average_precision_score`, which the test compares with.
    """
    order = np.argsort(-scores_N, kind="stable")
    sorted_N = scores_N[order]
    last_of_ties_T = np.append(np.flatnonzero(sorted_N[1:] != sorted_N[:-1]), len(sorted_N) - 1)
    right_T = np.cumsum(has_N[order])[last_of_ties_T]
    precision_T = right_T / (last_of_ties_T + 1)
    return float(np.sum(np.diff(right_T, prepend=0) * precision_T) / right_T[-1])


def _matrix(scores_NC: ArrayLike, classes: int) -> NDArray[np.float64]:
    scores = np.asarray(scores_NC, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] != classes:
        raise ValueError(f"scores of shape {scores.shape}, expected (examples, {classes})")
    if np.isnan(scores).any():
        raise ValueError("some scores are not a number")
    return scores
