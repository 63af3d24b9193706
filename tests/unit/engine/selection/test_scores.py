"""Scores from logits, against their definitions written out in plain Python."""

from __future__ import annotations

import math

import pytest
import torch

from engine.selection.scores import contradiction, divergence_per_token, el2n_per_token, nll_per_token

TARGETS = torch.tensor([[-100, 2, 0, 4, -100], [-100, 1, -100, -100, -100]])


def _logits(seed: int) -> torch.Tensor:
    return 3 * torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(seed))


def _softmax(row: list[float]) -> list[float]:
    powers = [math.exp(x) for x in row]
    return [p / sum(powers) for p in powers]


def _by_token(logits_BUV: torch.Tensor) -> list[list[tuple[list[float], int]]]:
    """For each utterance, the distribution and the target at each place that has one."""
    return [
        [(_softmax(logits), target) for logits, target in zip(rows, targets, strict=True) if target >= 0]
        for rows, targets in zip(logits_BUV.double().tolist(), TARGETS.tolist(), strict=True)
    ]


def test_loss_and_error_vector_are_means_over_the_targets_of_each_utterance() -> None:
    logits = _logits(0)
    expected_nll, expected_el2n = [], []
    for tokens in _by_token(logits):
        expected_nll.append(sum(-math.log(p[y]) for p, y in tokens) / len(tokens))
        lengths = [math.sqrt(sum((x - (i == y)) ** 2 for i, x in enumerate(p))) for p, y in tokens]
        expected_el2n.append(sum(lengths) / len(tokens))
    assert nll_per_token(logits, TARGETS) == pytest.approx(expected_nll, rel=1e-6)
    assert el2n_per_token(logits, TARGETS) == pytest.approx(expected_el2n, rel=1e-6)


def test_the_divergence_is_that_of_jensen_and_shannon() -> None:
    full, quantized = _logits(1), _logits(2)
    expected = []
    for ours, theirs in zip(_by_token(full), _by_token(quantized), strict=True):
        total = 0.0
        for (p, _), (q, _) in zip(ours, theirs, strict=True):
            middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
            total += sum(
                0.5 * (a * math.log(a / m) + b * math.log(b / m)) for a, b, m in zip(p, q, middle, strict=True)
            )
        expected.append(total / len(ours))
    assert divergence_per_token(full, quantized, TARGETS) == pytest.approx(expected, rel=1e-6)
    assert divergence_per_token(full, full, TARGETS) == pytest.approx([0.0, 0.0], abs=1e-12)


def test_the_divergence_has_its_bounds() -> None:
    certain = torch.full((2, 5, 6), -1e4)
    certain[..., 0] = 0.0
    other = certain.roll(1, dims=-1)
    assert divergence_per_token(certain, other, TARGETS) == pytest.approx([math.log(2)] * 2)
    assert el2n_per_token(certain, TARGETS)[1] == pytest.approx(math.sqrt(2))


def test_the_contradiction_is_the_largest_lead_of_another_token() -> None:
    logits = _logits(5)
    expected = [max(math.log(max(p)) - math.log(p[y]) for p, y in tokens) for tokens in _by_token(logits)]
    assert min(expected) > 0
    assert contradiction(logits, TARGETS) == pytest.approx(expected, rel=1e-6)
    agreed = torch.nn.functional.one_hot(TARGETS.clamp(min=0), 6).float()
    assert contradiction(agreed, TARGETS) == [0.0, 0.0]


def test_small_differences_are_told_apart_from_rounding() -> None:
    logits = _logits(3)
    near = logits + 1e-5 * _logits(4)
    assert 0 < divergence_per_token(logits, near, TARGETS)[0] < 1e-8
