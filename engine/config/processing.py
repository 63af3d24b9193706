"""Options for turning recordings into a dataset version: thresholds, limits, split, language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from engine.config.base import Config, parse
from engine.config.division import DivisionConfig
from engine.data.subtitles.languages import language_of
from engine.data.validation.config import ValidationConfig


def _known_language(said: str) -> str:
    code = language_of(said)
    if code is None:
        raise ValueError("unknown language; give its code, such as de or swh")
    return code


Language = Annotated[str, Field(max_length=40), AfterValidator(_known_language)] | None


class ItemLimits(Config):
    """Limits of usable recordings."""

    max_item_s: Annotated[float, Field(gt=0.0, le=3600.0)] = 30.0
    """Longest recording, in seconds."""
    min_item_s: Annotated[float, Field(ge=0.01, le=60.0)] = 0.05
    """Shortest recording, in seconds."""
    silence_dbfs: Annotated[float, Field(ge=-120.0, le=-20.0)] = -60.0
    """A recording without 20 ms above this level counts as silent; in dB relative to full scale."""

    @model_validator(mode="after")
    def _shortest_below_longest(self) -> ItemLimits:
        if self.min_item_s >= self.max_item_s:
            raise ValueError(
                f"min_item_s is {self.min_item_s:g} s; it must be less than max_item_s, {self.max_item_s:g} s"
            )
        return self


class ProcessingConfig(Config):
    """A user's options for processing a dataset."""

    validation: ValidationConfig = ValidationConfig()
    """Thresholds between good, doubtful and bad."""
    limits: ItemLimits = ItemLimits()
    """Limits of usable recordings."""
    split: DivisionConfig | None = None
    """Test and validation parts, drawn once and written into the manifest. Unset: each run splits as its config says."""
    language: Language = None
    """Spoken language, as a code (`de`) or an English name. It selects among texts in several languages, and digits in
    file names are spelt out in it."""


def revised(processing: ProcessingConfig, changes: Mapping[str, Any]) -> ProcessingConfig:
    """A processing config with some fields changed; the other fields keep their values.

    Args:
        processing: config of the revised version.
        changes: some fields of `ProcessingConfig`; `{"split": None}` draws no split.

    Raises:
        ConfigError: names every field that is faulty after the change.
    """
    return parse(ProcessingConfig, _laid_over(processing.model_dump(mode="json"), changes))


def _laid_over(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(values)
    for name, value in changes.items():
        earlier = result.get(name)
        if isinstance(value, Mapping) and isinstance(earlier, Mapping):
            result[name] = _laid_over(earlier, value)
        else:
            result[name] = value
    return result
