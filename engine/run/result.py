"""The result of a run: metrics of the base and of what was trained, side by side, and what all results have."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from engine.metrics.registry import Values
from engine.run.earlier import todays_result

Fact = str | int | float


class MeasuredResult(BaseModel):
    """What the results of a training and of an evaluation have in common, saved as `result.json`.

    A result of an earlier release is read too.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    task: str
    """What the model was trained for."""
    primary: str
    """The metric that decides."""
    base: Values | None = None
    """Metrics of the base model by name; unset if it was not measured."""
    tuned: Values | None = None
    """Metrics of what was trained: the base with the adapter, or the model; unset if there was nothing to measure on."""
    cost_unit: str
    """Unit in which costs are counted: `audio_s` (seconds of audio), `tokens`, `pixels`."""
    cost_per_s: float
    """Cost of examples processed per second."""
    facts: dict[str, Fact] = {}
    """What the task and the model family say about the run, such as the language of a multilingual model."""
    left_out_count: int = 0
    """Number of examples that do not fit the model."""
    left_out: dict[str, str] = {}
    """The reason by id, for the first hundred of these examples."""
    peak_bytes: int
    """Peak memory of the largest worker."""
    wall_s: float
    """Duration of the attempt that finished, in seconds."""
    finished_at: str | None = None
    """End time, in UTC."""
    code_version: str | None = None
    """Version of the package with a digest of the engine's sources; unset in older runs."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_release(cls, values: Any) -> Any:
        return todays_result(values) if isinstance(values, dict) else values
