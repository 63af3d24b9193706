"""States of gates: a few typical values, found by k-means over the frames of a sample.

Legend: N frames, R ranks, K states.
"""

from __future__ import annotations

import torch

_ITERATIONS = 100


def gate_states(gates_NR: torch.Tensor, count: int) -> torch.Tensor:
    """Centres of at most `count` clusters, the largest first: states_KR.

    Fewer if there are fewer different gates. The same gates give the same states: the first centre is the mean, each
    further one the frame that is farthest from all centres so far.

    Source: Lloyd 1982; the start is that of Gonzalez 1985.
    """
    centres_KR = gates_NR.mean(dim=0, keepdim=True)
    while len(centres_KR) < count:
        distance_N = torch.cdist(gates_NR, centres_KR).min(dim=1).values
        farthest = int(distance_N.argmax())
        if float(distance_N[farthest]) <= 1e-6:
            break
        centres_KR = torch.cat([centres_KR, gates_NR[farthest : farthest + 1]])
    owner_N = torch.cdist(gates_NR, centres_KR).argmin(dim=1)
    for _ in range(_ITERATIONS):
        members = [gates_NR[owner_N == state] for state in range(len(centres_KR))]
        centres_KR = torch.stack([own.mean(dim=0) for own in members if len(own)])
        before_N, owner_N = owner_N, torch.cdist(gates_NR, centres_KR).argmin(dim=1)
        if torch.equal(before_N, owner_N):
            break
    sizes = torch.bincount(owner_N, minlength=len(centres_KR))
    return centres_KR[sizes.argsort(descending=True, stable=True)]
