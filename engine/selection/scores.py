"""Scores of utterances from a model's logits under teacher forcing.

Legend: B utterances, U token positions, V vocabulary, N positions of one utterance that hold a target.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from engine.families.whisper.learner import IGNORED


def nll_per_token(logits_BUV: torch.Tensor, targets_BU: torch.Tensor) -> list[float]:
    """Mean negative log-likelihood of each utterance's targets, in nats per token."""
    means = []
    for logits_NV, targets_N in _rows(logits_BUV, targets_BU):
        log_p_NV = logits_NV.log_softmax(-1)
        means.append(float(-log_p_NV.gather(1, targets_N[:, None]).mean()))
    return means


def el2n_per_token(logits_BUV: torch.Tensor, targets_BU: torch.Tensor) -> list[float]:
    """Mean length of the error vector p - onehot(target) of each utterance; between 0 and sqrt(2).

    Source: EL2N, section 2.2 of Paul et al. 2021 (arXiv 2107.07075); the mean over tokens is the sequence's.
    """
    means = []
    for logits_NV, targets_N in _rows(logits_BUV, targets_BU):
        error_NV = logits_NV.softmax(-1)
        error_NV[torch.arange(len(targets_N), device=error_NV.device), targets_N] -= 1.0
        means.append(float(error_NV.norm(dim=-1).mean()))
    return means


def contradiction(logits_BUV: torch.Tensor, targets_BU: torch.Tensor) -> list[float]:
    """Largest margin, over each utterance's targets, by which the model prefers another token, in nats.

    0 if the model would write the text itself. A wrong text is contradicted at its first wrong token and may be easy to
    continue from there; hence the largest margin, not the mean.
    """
    largest = []
    for logits_NV, targets_N in _rows(logits_BUV, targets_BU):
        lead_N = logits_NV.max(-1).values - logits_NV.gather(1, targets_N[:, None])[:, 0]
        largest.append(float(lead_N.max()))
    return largest


def divergence_per_token(full_BUV: torch.Tensor, quantized_BUV: torch.Tensor, targets_BU: torch.Tensor) -> list[float]:
    """Mean Jensen-Shannon divergence between two models' distributions at each utterance's targets, in nats.

    With m = (p + q) / 2: JSD(p, q) = (KL(p | m) + KL(q | m)) / 2, between 0 and ln 2.
    """
    means = []
    pairs = zip(_rows(full_BUV, targets_BU), _rows(quantized_BUV, targets_BU), strict=True)
    for (full_NV, _), (quantized_NV, _) in pairs:
        log_p_NV, log_q_NV = full_NV.log_softmax(-1), quantized_NV.log_softmax(-1)
        log_m_NV = torch.logaddexp(log_p_NV, log_q_NV) - math.log(2.0)
        kl_p_N = (log_p_NV.exp() * (log_p_NV - log_m_NV)).sum(-1)
        kl_q_N = (log_q_NV.exp() * (log_q_NV - log_m_NV)).sum(-1)
        means.append(float((0.5 * (kl_p_N + kl_q_N)).clamp(min=0.0).mean()))
    return means


def _rows(logits_BUV: torch.Tensor, targets_BU: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Each utterance's logits_NV and targets_N, one at a time, since a vocabulary can have 50,000 entries.

    In float64, so that differences between nearly equal distributions exceed rounding errors.
    """
    for logits_UV, targets_U in zip(logits_BUV, targets_BU.to(logits_BUV.device), strict=True):
        there_U = targets_U != IGNORED
        yield logits_UV[there_U].double(), targets_U[there_U]
