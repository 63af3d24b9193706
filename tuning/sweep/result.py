"""The result of a sweep: `sweep.json` with every trial, and its summary in `result.json`. Imports neither torch nor Ray."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from engine.config.training import TrainingConfig
from tuning.sweep.front import Cost
from tuning.sweep.trials import State, TrialResult

SWEEP_KEY: Final = "sweep.json"


class SweepSummary(BaseModel):
    """What came of a sweep, without its trials."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    status: Literal["succeeded", "stopped"]
    primary: str | None
    """The metric that trials are compared by, on validation examples."""
    best: TrialResult | None
    """The best trial that trained to its end; of a stopped sweep without one, the best of all."""
    best_config: TrainingConfig | None
    """Its training."""
    front: dict[Cost, list[int]]
    """Numbers of the trials that no other one beats in quality and cost, cheapest first, for each cost."""
    trials_by_state: dict[State, int]
    """How many trials ended how."""
    wall_s: float
    """Duration of the attempt that finished, in seconds."""
    finished_at: str
    """End time, in UTC."""
    code_version: str


class SweepResult(SweepSummary):
    """What came of a sweep."""

    trials: list[TrialResult]
    """All trials that began, by number."""
