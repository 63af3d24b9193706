"""The registry of model families. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from engine.errors import ModelError


@dataclass(frozen=True, slots=True)
class FamilyEntry:
    """A family of models with a common architecture."""

    model_types: tuple[str, ...]
    """`model_type` in the config.json of its models."""
    modules: Mapping[str, str]
    """For each task that it can be trained for, the module that loads it for the task, a
    `engine.families.contract.Family`; imported when it is used, with its libraries."""

    parts: tuple[str, ...]
    """Names of the parts that its models consist of, from the input to the output; the base of a task may lack some."""
    scores_tokens: tuple[str, ...] = ()
    """Of these tasks, those whose learner is a `engine.families.contract.ScoresTokens`, so that it can be selected with."""

    gateable: tuple[str, ...] = ()
    """Of these tasks, those whose base is a `engine.families.contract.FollowsFrames`, so that ranks can be gated."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that it can be trained for."""
        return tuple(self.modules)


_AUDIO_ENCODER: Final = "engine.families.audio_encoder.family"
_AUDIO_LLM: Final = "engine.families.audio_llm.family"
_CTC: Final = "engine.families.ctc.family"
_ENCODER: Final = ("audio_encoder",)
_WITH_DECODER: Final = ("audio_encoder", "fusion", "text_decoder")
FAMILIES: Final[Mapping[str, FamilyEntry]] = {
    "whisper": FamilyEntry(
        ("whisper",),
        {"speech_to_text": "engine.families.whisper.family", "audio_classification": _AUDIO_ENCODER},
        _WITH_DECODER,
        scores_tokens=("speech_to_text",),
        gateable=("speech_to_text", "audio_classification"),
    ),
    "wav2vec2": FamilyEntry(
        ("wav2vec2", "hubert"),
        {"speech_to_text": _CTC, "audio_classification": _AUDIO_ENCODER},
        _ENCODER,
        gateable=("speech_to_text", "audio_classification"),
    ),
    "wav2vec2_conformer": FamilyEntry(
        ("wav2vec2-conformer",), {"speech_to_text": _CTC}, _ENCODER, gateable=("speech_to_text",)
    ),
    "spectrogram_transformer": FamilyEntry(
        ("audio-spectrogram-transformer",), {"audio_classification": _AUDIO_ENCODER}, _ENCODER
    ),
    "clap": FamilyEntry(
        ("clap",), {"retrieval": "engine.families.clap.family"}, ("audio_encoder", "text_decoder", "fusion")
    ),
    "audio_llm": FamilyEntry(
        ("qwen2_audio", "voxtral"), {"speech_to_text": _AUDIO_LLM, "captioning": _AUDIO_LLM}, _WITH_DECODER
    ),
}


def _known(name: str) -> str:
    if name not in FAMILIES:
        raise ValueError(f"no model family {name!r}; there are {', '.join(FAMILIES)}")
    return name


def _parts() -> list[str]:
    return list(dict.fromkeys(part for entry in FAMILIES.values() for part in entry.parts))


def _known_part(name: str) -> str:
    if name not in _parts():
        raise ValueError(f"no part {name!r}; the families' parts are {', '.join(_parts())}")
    return name


PartName = Annotated[str, AfterValidator(_known_part), Field(json_schema_extra={"enum": _parts()})]
"""Name of a part of a family's models."""
FamilyName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(FAMILIES)})]
"""Name of a model family."""


def family_of(config: Mapping[str, Any], source: str) -> str:
    """The family that a model's config.json names.

    Raises:
        ModelError: the config names no family, or one that this project cannot load.
    """
    kind = config.get("model_type")
    for name, entry in FAMILIES.items():
        if kind in entry.model_types:
            return name
    found = f"the model_type {kind!r}" if kind else "no model_type"
    known = ", ".join(kind for entry in FAMILIES.values() for kind in entry.model_types)
    raise ModelError(f"the config.json of {source} names {found}; models that can be used here: {known}")


def gateable() -> list[str]:
    """Families and tasks whose adapters can follow the audio frame by frame, for messages."""
    return [f"{name} for {task}" for name, entry in FAMILIES.items() for task in entry.gateable]


def selectable() -> list[str]:
    """Families and tasks that a selection can score, for messages."""
    return [f"{name} for {task}" for name, entry in FAMILIES.items() for task in entry.scores_tokens]
