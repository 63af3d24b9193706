"""What an evaluation measures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.config.base import Config

MeasuredSplit = Literal["test", "validation", "train", "all"]


class MeasurementConfig(Config):
    """An evaluation of something that was trained."""

    split: MeasuredSplit = "test"
    """Which utterances: a split as the training divided its data, or all; all is what to take of other data."""
    base: bool = True
    """Measure the base too: without the adapter, or, of a model that was trained whole, what training began from."""
    chunk_utterances: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Utterances after which transcripts are kept: an evaluation that was interrupted goes on there."""
