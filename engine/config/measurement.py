"""Options of an evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.config.base import Config

MeasuredSplit = Literal["test", "validation", "train", "all"]


class MeasurementConfig(Config):
    """An evaluation of a trained adapter or model."""

    split: MeasuredSplit = "test"
    """Utterances to measure: a split as defined by the training, or `all`; use `all` on other data."""
    base: bool = True
    """Measure the base too: the model without the adapter, or the starting point of a fully fine-tuned model."""
    chunk_utterances: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Utterances per stored chunk of transcripts; an interrupted evaluation resumes after the last chunk."""
