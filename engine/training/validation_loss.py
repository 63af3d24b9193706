"""The loss on validation examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch

from engine.config.training import BatchConfig
from engine.data.batching import micro_batches
from engine.data.example import AnyExample
from engine.families.contract import AnyLearner, Indivisible

LOSS_EXAMPLES: Final = 64
"""A metric needs all examples; of a loss, to which every target contributes, some tell as much at a fraction of the time."""


@torch.no_grad()
def loss_of(learner: AnyLearner, examples: Sequence[AnyExample], folder: Path, batch: BatchConfig) -> float:
    """Loss per target as training computes it, without random changes to the inputs; the model is in evaluation mode.

    Args:
        learner: of the model as it is.
        examples: at least one.
        folder: of the dataset version.
        batch: whose largest micro-batch holds here too.
    """
    total, count = 0.0, 0
    unit = learner.unit if isinstance(learner, Indivisible) else 1
    for indices in micro_batches(
        range(len(examples)),
        learner.padded_costs(examples),
        micro_batch_cost=batch.micro_batch_cost,
        rank=0,
        world_size=1,
        unit=unit,
    ):
        loss_sum, targets = learner.loss(learner.collate([examples[i] for i in indices], folder))
        total += loss_sum.item()
        count += targets
    return total / max(count, 1)
