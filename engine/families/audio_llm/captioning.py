"""Captioning: describe a recording in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from engine.config.tasks.captioning import CaptioningConfig
from engine.config.training import TrainingConfig
from engine.data.example import AudioInput, Captions, Example
from engine.families.audio_llm.answering import Answering
from engine.families.audio_llm.base import AudioLlmBase

_DEFAULT: Final = CaptioningConfig()


class Captioning(Answering):
    """The task bound to a loaded model and a config.

    The loss of a recording is the sum over all its captions: the number of targets then follows from the example alone,
    not from a draw, and every caption is learned from in every pass. A recording with several captions costs as many
    recordings.
    """

    def __init__(
        self,
        base: AudioLlmBase,
        config: TrainingConfig,
        device: torch.device,
        dtype: torch.dtype,
        task: CaptioningConfig = _DEFAULT,
    ) -> None:
        super().__init__(base, config, device, dtype, base.architecture.ask(task.prompt))
        self._task = task

    def _answers(self, example: Example[AudioInput, Captions]) -> Sequence[str]:
        return example.target.captions

    def _max_new_tokens(self, windows: int) -> int:
        return self._task.max_new_tokens
