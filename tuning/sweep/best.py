"""The training of the best trial on everything. Imports neither torch nor Ray."""

from __future__ import annotations

from typing import Any

from engine.config.training import TrainingConfig


def on_everything(config: TrainingConfig) -> TrainingConfig:
    """A trial's training, with the validation examples in its training set unless it depends on them.

    A trial holds them out to be compared with others. Early stopping, the best weights and a plateau schedule depend on
    them in any training, which then stays as it is. Test examples stay held out, and are measured in the end.
    """
    if config.decided_by_evaluations():
        return config
    laid: dict[str, Any] = config.model_dump(mode="json")
    laid["split"] |= {"validation_groups": [], "validation_fraction": 0.0}
    laid["evaluation"] |= {"every_steps": 0}
    return TrainingConfig.model_validate(laid)
