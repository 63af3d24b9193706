"""The registry of tasks. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.data.example import TargetType
from engine.data.targets import TARGETS_OF_TASK


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """What a model can learn to do."""

    targets: tuple[TargetType, ...]
    """Types of the targets that its examples have; see `engine.data.example`."""
    metrics: tuple[str, ...]
    """Metrics that it can measure."""
    pipeline: str
    """Its name on the model hub, for the card."""
    path: str
    """Module and class that judge predictions; imported when it is used."""


_RECALLS: Final = tuple(
    f"{a}_to_{b}_recall_at_{k}" for a, b in (("audio", "text"), ("text", "audio")) for k in (1, 5, 10)
)
TASKS: Final[Mapping[str, TaskEntry]] = {
    "speech_to_text": TaskEntry(
        TARGETS_OF_TASK["speech_to_text"],
        ("wer", "cer"),
        "automatic-speech-recognition",
        "engine.tasks.speech_to_text:SpeechToText",
    ),
    "audio_classification": TaskEntry(
        TARGETS_OF_TASK["audio_classification"],
        ("accuracy", "macro_f1", "micro_f1", "mean_average_precision"),
        "audio-classification",
        "engine.tasks.audio_classification:AudioClassification",
    ),
    "captioning": TaskEntry(
        TARGETS_OF_TASK["captioning"],
        ("cider", "bleu", "rouge_l", "exact_match", "token_f1"),
        "audio-text-to-text",
        "engine.tasks.captioning:Captioning",
    ),
    "retrieval": TaskEntry(
        TARGETS_OF_TASK["retrieval"],
        _RECALLS,
        "feature-extraction",
        "engine.tasks.retrieval:Retrieval",
    ),
}
