"""States of gates."""

from __future__ import annotations

import torch

from engine.temporal.states import gate_states


def _clusters(*sizes: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[0.1, 1.9], [1.0, 1.0], [1.9, 0.1]])
    parts = [
        centre + 0.01 * torch.randn(size, 2, generator=generator) for centre, size in zip(centres, sizes, strict=True)
    ]
    return torch.cat(parts)[torch.randperm(sum(sizes), generator=generator)]


def test_states_are_the_centres_of_clusters_the_largest_first() -> None:
    states_KR = gate_states(_clusters(20, 60, 40), 3)
    torch.testing.assert_close(states_KR, torch.tensor([[1.0, 1.0], [1.9, 0.1], [0.1, 1.9]]), atol=0.02, rtol=0.0)
    assert torch.equal(states_KR, gate_states(_clusters(20, 60, 40), 3))


def test_one_state_is_the_mean() -> None:
    gates_NR = _clusters(20, 60, 40)
    torch.testing.assert_close(gate_states(gates_NR, 1)[0], gates_NR.mean(dim=0))


def test_there_are_no_more_states_than_different_gates() -> None:
    assert len(gate_states(torch.tensor([[1.0, 1.0]] * 5 + [[0.5, 1.0]] * 3), 8)) == 2
    assert len(gate_states(torch.ones(5, 2), 8)) == 1
