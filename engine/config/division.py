"""The schema of the test and validation parts of a new dataset version. Does not import NumPy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.config.base import Config

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class DivisionConfig(Config):
    """Parts held out for test and validation."""

    test_fraction: Fraction = 0.1
    """Approximate share of the audio for test; at least one speaker or recording, unless 0."""
    validation_fraction: Fraction = 0.05
    """Approximate share of the audio for validation, which chooses checkpoints; at least one speaker or recording,
    unless 0."""
    by: Literal["speaker", "recording"] = "speaker"
    """Unit that is never divided: a speaker or a recorded file. With fewer than three speakers, or with unknown
    speakers, the unit is always a file."""
    source_splits: Literal["keep", "replace"] = "keep"
    """Splits in the source: `keep` them and draw none, or `replace` them with drawn ones."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of every random choice."""
