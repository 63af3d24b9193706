"""What earlier releases wrote: results and events in their form, brought into today's.

Until 0.1.0 a result and an event had a field for each error rate (`base_wer`, `adapter_cer`) and named everything after
speech (`train_utterances`, `audio_s_per_s`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_RATES: Final = ("wer", "cer")
_SIDES: Final = {"base": "base", "adapter": "tuned"}
_OLD: Final = "audio_s_per_s"
"""A field that every earlier result of a training and of an evaluation has, and none of today's."""
_RENAMED: Final = {
    "adapter_bytes": "saved_bytes",
    "audio_s": "cost",
    "audio_s_per_s": "cost_per_s",
    "left_out_utterances": "left_out_count",
    "speakers": "groups",
    "test_speakers": "test_groups",
    "test_utterances": "test_examples",
    "train_audio_s": "train_cost",
    "train_utterances": "train_examples",
    "utterances": "examples",
}
_FACTS: Final = {
    "context": "audio_context",
    "base_context": "base_audio_context",
    "language": "language",
    "references_cut": "references_cut",
}


def todays_result(values: Mapping[str, Any]) -> dict[str, Any]:
    """A stored result of a training or an evaluation in today's form; one that has it already is returned as it is."""
    if _OLD not in values:
        return dict(values)
    rest = dict(values)
    result: dict[str, Any] = {"task": "speech_to_text", "cost_unit": "audio_s", "primary": rest.pop("primary", "wer")}
    for old, new in _SIDES.items():
        rates = {rate: rest.pop(f"{old}_{rate}", None) for rate in _RATES}
        result[new] = {rate: value for rate, value in rates.items() if value is not None} or None
    by_group = {rate: rest.pop(f"{rate}_by_speaker", None) for rate in _RATES}
    if any(by_group.values()):
        result["by_group"] = {rate: values for rate, values in by_group.items() if values}
    facts = {new: rest.pop(old, None) for old, new in _FACTS.items()}
    result["facts"] = {name: value for name, value in facts.items() if value is not None}
    return result | {_RENAMED.get(name, name): value for name, value in rest.items()}


def todays_progress(values: Mapping[str, Any]) -> dict[str, Any]:
    """The counters of a checkpoint in today's form."""
    return {_RENAMED.get(name, name): value for name, value in values.items()}


def todays_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """A stored event in today's form; one that has it already is returned as it is."""
    data = event.get("data")
    if event.get("kind") != "metric" or not isinstance(data, Mapping):
        return dict(event)
    data = dict(data)
    if "split" in data and "metrics" not in data:
        rates = {rate: data.pop(rate) for rate in _RATES if rate in data}
        data |= {"metrics": rates, "primary": data.get("primary", "wer")}
        if "which" in data:
            data["which"] = _SIDES.get(str(data["which"]), data["which"])
        if "utterances" in data:
            data["examples"] = data.pop("utterances")
    elif _OLD in data:
        data |= {"cost_per_s": data.pop(_OLD), "cost_unit": "audio_s"}
    return {**event, "data": data}
