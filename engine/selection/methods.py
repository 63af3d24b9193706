"""The selection methods: the scores that each needs, and how it chooses.

A new method is a function here, an entry in `METHODS`, and its config in `engine.config.selection`.

Legend: N candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from engine.config.selection import (
    CowerageConfig,
    DisagreementConfig,
    DurationStratifiedConfig,
    QuantizationAwareConfig,
    SamplerFields,
    SelectionMethodConfig,
    WrongTextFields,
)
from engine.selection.candidate import Candidate, Choice
from engine.selection.sampling import draw, highest, inclusion_probabilities, loss_weights
from engine.selection.standardise import Floats, residuals, winsorised, z_scores, z_scores_apart
from engine.selection.strata import cross
from engine.selection.wrong_texts import STRATUM, find_wrong_texts


@dataclass(frozen=True, slots=True)
class Needs:
    """The scores that a method needs for every segment."""

    before: bool = False
    """Loss of the quantised base: one forward pass."""
    full_precision: bool = False
    """Distributions of the base in full precision: one forward pass."""
    after: bool = False
    """Loss and error after the warm-up: one forward pass."""
    transcripts: bool = False
    """Transcripts after the warm-up."""
    held_out: bool = False
    """The test of the disagreement on held-out segments."""

    @property
    def warm_up(self) -> bool:
        """Whether the warm-up is needed."""
        return self.after or self.transcripts

    @property
    def model(self) -> bool:
        """Whether a model is needed at all."""
        return self.before or self.full_precision or self.warm_up


@dataclass(frozen=True, slots=True)
class Plan:
    """How to choose among the candidates."""

    score_N: Floats | None = None
    """Score of each candidate; None: all are equal."""
    strata: Sequence[str] | None = None
    """Stratum of each candidate; None: a single stratum."""
    sampler: SamplerFields | None = None
    """How scores become probabilities; None with scores: select the highest ones."""
    takes_all: bool = False
    """Whether to select everything, without a budget."""
    residual_N: Floats | None = None
    """Disagreement after regressing out loss and duration."""


@dataclass(frozen=True, slots=True)
class Method:
    """A selection method."""

    needs: Needs
    plan: Callable[[Sequence[Candidate], Any, float], Plan]
    """Function of the candidates, the method's config, and the weight of the disagreement."""


LEAST_SCORED_SHARE: Final = 0.375
"""Smallest budget share for which scores are used, midway between two measured ones: scores help at a half and harm at
a quarter (ADR 18)."""


def settled(config: SelectionMethodConfig, share: float) -> SelectionMethodConfig:
    """The method with its unset fields resolved.

    Args:
        config: the method.
        share: the budget, as a share of the cost of training on everything.
    """
    if not isinstance(config, SamplerFields) or config.tau is not None:
        return config
    return config.model_copy(update={"tau": 1.0 if share >= LEAST_SCORED_SHARE else 0.0})


def choose(
    candidates: Sequence[Candidate], config: SelectionMethodConfig, budget_s: float, *, lambda_q: float, seed: int
) -> list[Choice]:
    """Choose from candidates within a budget of encoder seconds.

    Args:
        candidates: in any order; the result depends on their ids, not on the order.
        config: the method; unset fields are resolved as for a large budget (`settled`).
        budget_s: seconds that the encoder may run over in one pass.
        lambda_q: weight of the disagreement; only the quantization-aware method uses it.
        seed: of the draw.

    Returns:
        A choice for each candidate, sorted by id.

    Raises:
        SelectionError: no draw can keep within the budget.
    """
    wrong = find_wrong_texts(candidates, config).ids if isinstance(config, WrongTextFields) else frozenset[str]()
    left_out = [
        Choice(
            c, STRATUM, score=None, disagreement_residual=None, inclusion_probability=0.0, selected=False, weight=0.0
        )
        for c in candidates
        if c.segment.id in wrong
    ]
    chosen = _drawn([c for c in candidates if c.segment.id not in wrong], config, budget_s, lambda_q, seed)
    return sorted([*left_out, *chosen], key=lambda choice: choice.candidate.segment.id)


def _drawn(
    candidates: Sequence[Candidate], config: SelectionMethodConfig, budget_s: float, lambda_q: float, seed: int
) -> list[Choice]:
    """A choice for each candidate; all candidates are eligible."""
    candidates = sorted(candidates, key=lambda c: c.segment.id)
    if not candidates:
        return []
    plan = METHODS[config.type].plan(candidates, config, lambda_q)
    ids = [c.segment.id for c in candidates]
    seconds_N = np.array([c.encoder_s for c in candidates])
    strata = plan.strata or ["all"] * len(ids)
    if plan.takes_all:
        inclusion_N = np.ones(len(ids))
        chosen_N = inclusion_N > 0
    elif plan.score_N is not None and plan.sampler is None:
        chosen_N = highest(plan.score_N, seconds_N, budget_s, ids, seed)
        inclusion_N = chosen_N.astype(np.float64)
    else:
        sampler = plan.sampler or SamplerFields(tau=0.0)
        tau = 1.0 if sampler.tau is None else sampler.tau
        score_N = plan.score_N if plan.score_N is not None else np.zeros(len(ids))
        inclusion_N = inclusion_probabilities(
            score_N, seconds_N, budget_s, tau=tau, least_inclusion=sampler.least_inclusion
        )
        chosen_N = draw(inclusion_N, seconds_N, strata, ids, seed)
    weight_N = np.zeros(len(ids))
    largest = plan.sampler.largest_weight if plan.sampler is not None else np.inf
    tokens_N = _column(candidates, "tokens")
    weight_N[chosen_N] = loss_weights(inclusion_N[chosen_N], tokens_N[chosen_N], largest)
    return [
        Choice(
            candidate=candidate,
            stratum=strata[i],
            score=None if plan.score_N is None else float(plan.score_N[i]),
            disagreement_residual=None if plan.residual_N is None else float(plan.residual_N[i]),
            inclusion_probability=float(inclusion_N[i]),
            selected=bool(chosen_N[i]),
            weight=float(weight_N[i]),
        )
        for i, candidate in enumerate(candidates)
    ]


def disagreement_residuals(candidates: Sequence[Candidate]) -> Floats:
    """Disagreement after regressing out loss and duration, as z-scores.

    Raw disagreement is largest where the model is uncertain: on wrong labels and on long, hard segments.
    """
    nll_N, duration_N = winsorised(_column(candidates, "nll_before")), winsorised(_durations(candidates))
    return z_scores(residuals(winsorised(_column(candidates, "disagreement")), nll_N, duration_N))


# ---- plans -----------------------------------------------------------------------------------------------


def _quantization_aware(candidates: Sequence[Candidate], config: QuantizationAwareConfig, lambda_q: float) -> Plan:
    residual_N = disagreement_residuals(candidates)
    plan = _reducible_loss(candidates, config, 0.0)
    assert plan.score_N is not None
    return replace(plan, score_N=plan.score_N + lambda_q * residual_N, residual_N=residual_N)


def _reducible_loss(candidates: Sequence[Candidate], config: SamplerFields, _: float) -> Plan:
    trained_N = np.array([c.role == "warm_up" for c in candidates])
    score_N = z_scores_apart(_column(candidates, "rho"), trained_N)
    return Plan(score_N, _sampler_strata(candidates, config), config)


def _disagreement(candidates: Sequence[Candidate], config: DisagreementConfig, _: float) -> Plan:
    residual_N = disagreement_residuals(candidates)
    raw_N = z_scores(winsorised(_column(candidates, "disagreement")))
    score_N = residual_N if config.residual else raw_N
    return Plan(score_N, _sampler_strata(candidates, config), config, residual_N=residual_N)


def _random(_candidates: Sequence[Candidate], _config: Any, _: float) -> Plan:
    return Plan()


def _duration_stratified(candidates: Sequence[Candidate], config: DurationStratifiedConfig, _: float) -> Plan:
    return Plan(strata=cross(("duration", _durations(candidates), config.duration_strata)))


def _top_loss(candidates: Sequence[Candidate], _config: Any, _: float) -> Plan:
    return Plan(_column(candidates, "nll_before"))


def _el2n(candidates: Sequence[Candidate], _config: Any, _: float) -> Plan:
    return Plan(_column(candidates, "el2n"))


def _cowerage(candidates: Sequence[Candidate], config: CowerageConfig, _: float) -> Plan:
    """Source: COWERAGE (Azeemi et al. 2022, arXiv 2203.09829): draw evenly from buckets of early word error rates."""
    return Plan(strata=cross(("wer", _column(candidates, "wer"), config.wer_strata)))


def _full(_candidates: Sequence[Candidate], _config: Any, _: float) -> Plan:
    return Plan(takes_all=True)


METHODS: dict[str, Method] = {
    "quantization_aware": Method(
        Needs(before=True, full_precision=True, after=True, held_out=True), _quantization_aware
    ),
    "reducible_loss": Method(Needs(before=True, after=True), _reducible_loss),
    "disagreement": Method(Needs(before=True, full_precision=True), _disagreement),
    "random": Method(Needs(), _random),
    "duration_stratified": Method(Needs(), _duration_stratified),
    "trim_pack_only": Method(Needs(), _random),
    "top_loss": Method(Needs(before=True), _top_loss),
    "el2n": Method(Needs(after=True), _el2n),
    "cowerage": Method(Needs(transcripts=True), _cowerage),
    "full": Method(Needs(), _full),
}


def _sampler_strata(candidates: Sequence[Candidate], config: SamplerFields) -> list[str]:
    known = all(c.segment.snr_db is not None for c in candidates)
    return cross(
        ("nll", _column(candidates, "nll_before"), config.nll_strata),
        ("duration", _durations(candidates), config.duration_strata),
        ("snr", np.array([c.segment.snr_db for c in candidates]) if known else None, config.snr_strata),
    )


def _durations(candidates: Sequence[Candidate]) -> Floats:
    return np.array([c.segment.duration_s for c in candidates])


def _column(candidates: Sequence[Candidate], name: str) -> Floats:
    return np.array([getattr(c, name) for c in candidates], dtype=np.float64)
