"""How the output of a CTC model is turned into text."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from engine.config.base import Config, DisagreementError
from engine.errors import Fault


class CtcDecodingConfig(Config):
    """Search for the text in a CTC model's output: the best character of each frame, or a beam search."""

    beams: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of texts that the search keeps at each frame. 1: the best character of each frame (greedy)."""
    language_model: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """Path of an n-gram model over words, an ARPA text file as KenLM and SRILM write it; needs several beams."""
    language_model_weight: Annotated[float, Field(ge=0.0, le=10.0)] = 0.5
    """Factor on the language model's natural log-probability of each word."""
    word_bonus: Annotated[float, Field(ge=-10.0, le=10.0)] = 1.0
    """Added to the score for each word, because every word costs language model probability; used with a language model
    only."""
    unknown_word_penalty: Annotated[float, Field(ge=0.0, le=100.0)] = 5.0
    """Subtracted from the score for each word that the language model does not have, in addition to its probability of
    unknown words."""
    least_log_probability: Annotated[float, Field(ge=-100.0, lt=0.0)] = -7.0
    """The search ignores characters whose natural log-probability in a frame is lower, except the frame's best one."""

    @model_validator(mode="after")
    def _beams_fit(self) -> CtcDecodingConfig:
        if self.language_model is not None and self.beams == 1:
            message = "found 1 with a language_model, which only a beam search uses; set beams to 2 or more, e.g. 50"
            raise DisagreementError([Fault("beams", message)])
        return self
