"""The result of a training run."""

from __future__ import annotations

from typing import Literal

from engine.metrics.registry import Values
from engine.ranks.ranks import RankSummary
from engine.run.result import MeasuredResult
from engine.run.step_downs import StepDown


class RunResult(MeasuredResult):
    """The result of a training run, saved as `result.json`."""

    status: Literal["succeeded", "stopped"]
    model: str
    method: str
    steps: int
    trainable_parameters: int
    total_parameters: int
    ranks: RankSummary | None = None
    """Ranks of the adapters, if the method allocated them; unset if all are the same."""
    saved_bytes: int = 0
    """Size of the saved weights: the adapter's, or the whole model's if every weight was trained."""
    training_s: float
    """Seconds in optimizer steps, over all attempts; `cost_per_s` is counted over them."""
    train_examples: int
    train_cost: float
    """Cost of one pass over the training examples."""
    test_examples: int
    test_groups: list[str]
    """Groups of the test examples, if they are known."""
    forms: dict[str, Values] = {}
    """Metrics of simpler forms of what was trained, by name; `static`: an adapter without its gates, as plain peft loads
    it."""
    step_downs: list[StepDown] = []
    """How micro-batches or activations were made to fit when memory ran out, in order."""
    warnings: list[str] = []
    """Warnings that affect how the metrics should be read."""
