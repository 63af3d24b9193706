"""The loss on validation examples: of how many, and in which micro-batches, makes no difference."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.config.training import TrainingConfig
from engine.training.validation_loss import loss_of
from tests.unit.engine.training.toy import ToyLearner, ToyModel, saying


@pytest.mark.parametrize("micro_batch_cost", [1.0, 2.0, 24.0])
def test_it_is_the_loss_per_target_and_leaves_no_gradient(tmp_path: Path, micro_batch_cost: float) -> None:
    context = {"type": "short", "bucket_s": 1.0, "tail_s": 0.0}
    batch = {"cost": 24, "micro_batch_cost": micro_batch_cost}
    config = TrainingConfig.model_validate({"context": context, "batch": batch})
    model = ToyModel()
    learner = ToyLearner(model, config)
    found = loss_of(learner, saying(0, 1, 3), tmp_path, config.batch)
    weight = model.weight.detach()
    assert found == pytest.approx(sum(0.5 * (weight - said).square().sum().item() for said in (0, 1, 3)) / 3)
    assert len(learner.batches) == {1.0: 3, 2.0: 2, 24.0: 1}[micro_batch_cost]
    assert model.weight.grad is None and torch.is_grad_enabled()
