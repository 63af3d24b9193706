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

    title: str
    targets: tuple[TargetType, ...]
    """Types of the targets that its examples have; see `engine.data.example`."""
    medium: str
    """Medium of the inputs."""
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
        "Speech to text",
        TARGETS_OF_TASK["speech_to_text"],
        "audio",
        ("wer", "cer"),
        "automatic-speech-recognition",
        "engine.tasks.speech_to_text:SpeechToText",
    ),
    "audio_classification": TaskEntry(
        "Audio classification",
        TARGETS_OF_TASK["audio_classification"],
        "audio",
        ("accuracy", "macro_f1", "micro_f1", "mean_average_precision"),
        "audio-classification",
        "engine.tasks.audio_classification:AudioClassification",
    ),
    "captioning": TaskEntry(
        "Audio captioning",
        TARGETS_OF_TASK["captioning"],
        "audio",
        ("cider", "bleu", "rouge_l", "exact_match", "token_f1"),
        "audio-text-to-text",
        "engine.tasks.captioning:Captioning",
    ),
    "retrieval": TaskEntry(
        "Audio-text retrieval",
        TARGETS_OF_TASK["retrieval"],
        "audio",
        _RECALLS,
        "feature-extraction",
        "engine.tasks.retrieval:Retrieval",
    ),
}
