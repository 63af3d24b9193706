"""Learning rate schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping

from engine.config.training import (
    ConstantConfig,
    CosineConfig,
    LinearConfig,
    PlateauConfig,
    ScheduleConfig,
    StepConfig,
)


class Schedule:
    """The learning rate as a share of its peak. Only `plateau` has state."""

    def __init__(self, config: ScheduleConfig, total_steps: int) -> None:
        self._config = config
        self._total = total_steps
        self.worse_evaluations = 0
        self.drops = 0

    def factor(self, step: int) -> float:
        """The factor for the optimizer step `step`, counted from 0."""
        config = self._config
        if step < config.warmup_steps:
            return (step + 1) / config.warmup_steps
        done = min(1.0, (step - config.warmup_steps) / max(1, self._total - config.warmup_steps))
        if isinstance(config, CosineConfig):
            return config.final_fraction + (1 - config.final_fraction) * 0.5 * (1 + math.cos(math.pi * done))
        if isinstance(config, LinearConfig):
            return 1 - (1 - config.final_fraction) * done
        if isinstance(config, StepConfig):
            return float(config.factor ** ((step - config.warmup_steps) // config.every_steps))
        if isinstance(config, PlateauConfig):
            return float(config.factor**self.drops)
        assert isinstance(config, ConstantConfig)
        return 1.0

    def evaluated(self, *, improved: bool) -> None:
        """Report an evaluation: whether it was the best so far; only `plateau` reacts."""
        config = self._config
        if not isinstance(config, PlateauConfig):
            return
        if improved:
            self.worse_evaluations = 0
            return
        self.worse_evaluations += 1
        if self.worse_evaluations > config.patience:
            self.drops, self.worse_evaluations = self.drops + 1, 0

    def state(self) -> dict[str, int]:
        """State for a checkpoint."""
        return {"worse_evaluations": self.worse_evaluations, "drops": self.drops}

    def restore(self, state: Mapping[str, int]) -> None:
        """Restore the state from `state`."""
        self.worse_evaluations, self.drops = state["worse_evaluations"], state["drops"]
