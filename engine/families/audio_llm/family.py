"""Language models that hear as a family of the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.config.tasks.captioning import CaptioningConfig
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.families.audio_llm.answering import Answering
from engine.families.audio_llm.base import AudioLlmBase
from engine.families.audio_llm.captioning import Captioning
from engine.families.audio_llm.loading import load as load_base
from engine.families.audio_llm.speech_to_text import SpeechToText
from engine.families.contract import Loaded, LoadOptions, Setting, TargetSpace


def _speech_to_text(base: AudioLlmBase, setting: Setting) -> Answering:
    return SpeechToText(base, setting.config, setting.device, setting.dtype)


def _captioning(base: AudioLlmBase, setting: Setting) -> Answering:
    config = setting.config
    return Captioning(base, config, setting.device, setting.dtype, config.task_as(CaptioningConfig))


_LEARNERS: Final[Mapping[str, Callable[[AudioLlmBase, Setting], Answering]]] = {
    "speech_to_text": _speech_to_text,
    "captioning": _captioning,
}


def load(source: str, task: str, options: LoadOptions) -> Loaded:
    """Load a Qwen2-Audio or Voxtral model from a folder or a hub id.

    Raises:
        ModelError: as `engine.families.audio_llm.loading.load`.
    """
    base = load_base(source, task, options)
    return Loaded(base, lambda setting: _LEARNERS[task](base, setting))


def space(training: Sequence[AnyExample], config: TrainingConfig) -> TargetSpace:
    """Nothing: a language model writes every text with its own tokens."""
    return TargetSpace()
