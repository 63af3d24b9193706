"""Load a Whisper model for a test."""

from __future__ import annotations

import torch

from engine.config.quantization import Quantization
from engine.families.contract import LoadOptions
from engine.families.whisper.model import WhisperSpeech, load
from engine.families.whisper.speech import SpeechTask
from engine.models.catalogue import reference_to

CPU = torch.device("cpu")


def load_whisper(
    source: str,
    quantization: Quantization | None = None,
    *,
    language: str | None = None,
    task: SpeechTask = "transcribe",
    from_scratch: bool = False,
) -> WhisperSpeech:
    """A Whisper model on the CPU, asked for a language and a task."""
    location = reference_to(source).location()
    base = load(location, LoadOptions(CPU, quantization=quantization, from_scratch=from_scratch))
    if language is not None or task != "transcribe":
        base.use_language(language, task)
    return base
