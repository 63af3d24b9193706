"""Options of an evaluation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.config.base import Config
from engine.config.earlier import EARLIER_MEASUREMENT, todays_names

MeasuredSplit = Literal["test", "validation", "train", "all"]


class MeasurementConfig(Config):
    """An evaluation of a trained adapter or model."""

    split: MeasuredSplit = "test"
    """Examples to measure: a split as defined by the training, or `all`; use `all` on other data."""
    base: bool = True
    """Measure the base too: the model without the adapter, or the starting point of a fully fine-tuned model."""
    form: Literal["full", "static"] = "full"
    """What to measure of an adapter with gates: all of it, or `static`, the adapter alone as plain peft loads it. Other
    adapters are the same in both forms."""
    chunk_examples: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Examples per stored chunk of predictions; an interrupted evaluation resumes after the last chunk."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_release(cls, values: Any) -> Any:
        return todays_names(values, EARLIER_MEASUREMENT)
