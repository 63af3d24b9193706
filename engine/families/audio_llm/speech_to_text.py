"""Speech to text with a language model that hears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from transformers.models.whisper.tokenization_whisper import LANGUAGES, TO_LANGUAGE_CODE

from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.config.training import TrainingConfig
from engine.data.example import Utterance
from engine.errors import ConfigError, Fault
from engine.families.audio_llm.answering import Answering
from engine.families.audio_llm.base import AudioLlmBase
from engine.families.whisper.languages import find_language

_DETECTED: Final = "auto"
_TOKENS_PER_WINDOW: Final = 448
"""Longest transcript of a window, unless the config says otherwise: as long as Whisper's."""


class SpeechToText(Answering):
    """The task bound to a loaded model and a config.

    The language is named in the prompt if the config gives one; otherwise the model hears which it is.
    """

    def __init__(self, base: AudioLlmBase, config: TrainingConfig, device: torch.device, dtype: torch.dtype) -> None:
        task = config.task_as(SpeechToTextConfig)
        if task.fallback:
            message = "found true; only Whisper's search has it: set it to false"
            raise ConfigError([Fault("task.fallback", message)])
        super().__init__(base, config, device, dtype, base.architecture.transcribe(_language(task)))

    def _answers(self, example: Utterance) -> Sequence[str]:
        return (example.target.text,)

    def _max_new_tokens(self, windows: int) -> int:
        return self._config.task_as(SpeechToTextConfig).max_new_tokens or windows * _TOKENS_PER_WINDOW


def _language(task: SpeechToTextConfig) -> str | None:
    if task.language is None or task.language.strip().lower() == _DETECTED:
        return None
    found = find_language(task.language, tuple(LANGUAGES), TO_LANGUAGE_CODE)
    if found is None:
        known = ", ".join(sorted(LANGUAGES))
        raise ConfigError([Fault("task.language", f"found {task.language!r}; give one of {known}, or auto")])
    return found
