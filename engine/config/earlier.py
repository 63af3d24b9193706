"""Names of fields in earlier releases: configs in adapters' folders, stored jobs and people's files are still read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

EARLIER_SPLIT: Final = {
    "test_speakers": "test_groups",
    "validation_speakers": "validation_groups",
    "max_validation_utterances": "max_validation_examples",
}
EARLIER_BATCH: Final = {
    "audio_s": "cost",
    "max_utterances": "max_examples",
    "micro_batch_audio_s": "micro_batch_cost",
    "short_first_max_s": "short_first_max_cost",
}
EARLIER_MEASUREMENT: Final = {"chunk_utterances": "chunk_examples"}
EARLIER_EVALUATION: Final = {"batch_audio_s": "batch_cost"}


def todays_names(values: Any, names: Mapping[str, str]) -> Any:
    """The fields of a config under today's names; one that is given under both names keeps today's."""
    if not isinstance(values, dict) or not names.keys() & values.keys():
        return values
    renamed = {names.get(field, field): value for field, value in values.items() if field in names}
    return renamed | {field: value for field, value in values.items() if field not in names}
