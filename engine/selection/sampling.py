"""Draw segments with given probabilities within a budget of seconds.

Legend: N segments, in an order that does not depend on the input's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from engine.errors import SelectionError
from engine.selection.standardise import Bools, Floats

_SNAP = 1e-9  # a probability this close to 0 or 1 is 0 or 1


def inclusion_probabilities(
    score_N: Floats, seconds_N: Floats, budget_s: float, *, tau: float, least_inclusion: float
) -> Floats:
    """Probabilities proportional to exp(tau * score), with a floor, whose expected seconds use up the budget.

    pi = min(1, max(floor, c exp(tau score))), with c such that sum(pi * seconds) is the budget less the longest
    segment: the draw then never exceeds the budget. The floor is `least_inclusion` times the uniform probability. A
    pool that fits into the budget is selected as a whole.

    Raises:
        SelectionError: the budget is less than twice the longest segment.
    """
    total_s = float(seconds_N.sum())
    if total_s <= budget_s + _SNAP:
        return np.ones_like(score_N)
    check_budget(seconds_N, budget_s)
    expected_s = budget_s - float(seconds_N.max())
    floor = least_inclusion * expected_s / total_s
    gain_N = np.maximum(np.exp(tau * (score_N - score_N.max())), 1e-100)

    def at(scale: float) -> Floats:
        return np.asarray(np.clip(scale * gain_N, floor, 1.0))

    low, high = 0.0, 1.0 / float(gain_N.min())
    for _ in range(200):  # bisection, to the last bit
        middle = 0.5 * (low + high)
        if float((at(middle) * seconds_N).sum()) < expected_s:
            low = middle
        else:
            high = middle
    return at(low)


def check_budget(seconds_N: Floats, budget_s: float) -> None:
    """Reject a budget that no draw can keep within.

    Raises:
        SelectionError: the budget is less than the whole pool, and less than twice the longest segment.
    """
    longest_s = float(seconds_N.max(initial=0.0))
    if float(seconds_N.sum()) > budget_s + _SNAP and budget_s < 2 * longest_s:
        raise SelectionError(
            f"the budget is {budget_s:.1f} s of audio as the encoder takes it, and the longest segment takes "
            f"{longest_s:.1f} s; allowed: at least twice that. Raise budget, or cut segments shorter (cut.longest_s)"
        )


def draw(inclusion_N: Floats, seconds_N: Floats, strata: Sequence[str], ids: Sequence[str], seed: int) -> Bools:
    """Draw each segment with exactly its probability, so that the seconds meet their expectation in every stratum.

    Two undecided segments exchange probability, in seconds, until one of them is decided; the odds keep both
    probabilities unchanged on average. This runs within strata first, then over the undecided segment that each stratum
    leaves. The last undecided segment is drawn by its probability: the total differs from its expectation by less than
    that segment's length, and a stratum's total by less than one of its own segments and one from another stratum.

    The result depends on the set of segments and the seed, not on the order of the segments.

    Source: the flight phase of the cube method (Deville and Tillé 2004) with one balancing variable, the seconds; with
    equal seconds it is the pivotal method (Deville and Tillé 1998).
    """
    open_N = inclusion_N.astype(np.float64).copy()
    order = sorted(range(len(ids)), key=lambda i: (strata[i], _key(seed, ids[i]), ids[i]))
    generator = np.random.default_rng([seed, 0xD7A3])
    left: list[int] = []
    current: str | None = None
    held: int | None = None
    for i in order:
        if strata[i] != current:
            left += [held] if held is not None else []
            current, held = strata[i], None
        held = _meet(held, i, open_N, seconds_N, generator)
    left += [held] if held is not None else []
    last: int | None = None
    for i in left:
        last = _meet(last, i, open_N, seconds_N, generator)
    if last is not None:
        open_N[last] = float(generator.random() < open_N[last])
    return open_N > 0.5


def highest(score_N: Floats, seconds_N: Floats, budget_s: float, ids: Sequence[str], seed: int) -> Bools:
    """The segments with the highest scores, in order, until the next one exceeds the budget."""
    order = sorted(range(len(ids)), key=lambda i: (-score_N[i], _key(seed, ids[i]), ids[i]))
    chosen_N = np.zeros(len(ids), dtype=bool)
    used_s = 0.0
    for i in order:
        used_s += float(seconds_N[i])
        if used_s > budget_s + _SNAP:
            break
        chosen_N[i] = True
    return chosen_N


def random_order(ids: Sequence[str], seed: int, purpose: str) -> list[int]:
    """Indices of ids, in an order that depends only on the seed, the purpose and each id."""
    return sorted(range(len(ids)), key=lambda i: (_key(seed, f"{purpose}/{ids[i]}"), ids[i]))


def loss_weights(inclusion_N: Floats, tokens_N: Floats, largest: float) -> Floats:
    """Loss weights of the drawn segments: min(1 / pi, largest), scaled to a mean of 1 over their tokens.

    With that mean, the weighted loss sum over the number of tokens estimates the pool's loss per token (see
    `engine.families.whisper.learner.SpeechToText.loss`). If all probabilities are equal, every weight is exactly 1.
    """
    weights_N = np.minimum(1.0 / inclusion_N, largest)
    if not len(weights_N) or np.ptp(weights_N) == 0.0:
        return np.ones_like(weights_N)
    return np.asarray(weights_N * (tokens_N.sum() / (weights_N * tokens_N).sum()))


def _key(seed: int, id: str) -> bytes:
    return hashlib.blake2b(f"{seed}/{id}".encode(), digest_size=16).digest()


def _meet(held: int | None, i: int, open_N: Floats, seconds_N: Floats, generator: np.random.Generator) -> int | None:
    """Decide one of two segments, keeping their expected seconds and mean probabilities; return the undecided one."""
    _snap(open_N, i)
    if open_N[i] in (0.0, 1.0):
        return held
    if held is None:
        return i
    a, b = float(open_N[i]), float(open_N[held])
    a_s, b_s = float(seconds_N[i]), float(seconds_N[held])
    up_s = min((1 - a) * a_s, b * b_s)  # what i can gain from held, in expected seconds
    down_s = min(a * a_s, (1 - b) * b_s)
    moved_s = up_s if generator.random() * (up_s + down_s) < down_s else -down_s
    open_N[i], open_N[held] = a + moved_s / a_s, b - moved_s / b_s
    _snap(open_N, i)
    _snap(open_N, held)
    if open_N[held] not in (0.0, 1.0):
        return held
    return i if open_N[i] not in (0.0, 1.0) else None


def _snap(open_N: Floats, i: int) -> None:
    if open_N[i] < _SNAP:
        open_N[i] = 0.0
    elif open_N[i] > 1 - _SNAP:
        open_N[i] = 1.0
