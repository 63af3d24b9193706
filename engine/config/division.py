"""What is kept of a new dataset version for test and validation: a schema, without NumPy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.config.base import Config

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class DivisionConfig(Config):
    """What is kept for test and validation."""

    test_fraction: Fraction = 0.1
    """Part of the seconds to test on, about; at least one speaker or recording, unless 0."""
    validation_fraction: Fraction = 0.05
    """Part of the seconds to choose checkpoints by, about; at least one speaker or recording, unless 0."""
    by: Literal["speaker", "recording"] = "speaker"
    """What stays together: all that a speaker says, or a recorded file. With fewer than three speakers, or utterances
    of which the speaker is not known, files stay together."""
    source_splits: Literal["keep", "replace"] = "keep"
    """Splits that the recordings bring: `keep` them and draw none, or `replace` them by drawn ones."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Start of every random choice."""
