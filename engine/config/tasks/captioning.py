"""The config of captioning: describing a recording in words."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from engine.config.tasks.base import TaskFields
from engine.data.example import TargetType


class CaptioningConfig(TaskFields):
    """Describe recordings in words. A recording with several captions teaches all of them."""

    targets: ClassVar[tuple[TargetType, ...]] = ("captions",)
    metrics: ClassVar[tuple[str, ...]] = ("cider", "bleu", "rouge_l", "exact_match", "token_f1")
    pipeline: ClassVar[str] = "audio-text-to-text"
    code: ClassVar[str] = "engine.tasks.captioning:Captioning"

    type: Literal["captioning"] = "captioning"
    prompt: Annotated[str, Field(min_length=1, max_length=4000)] = "Describe the audio in one sentence."
    """What the model is asked about each recording, in training and afterwards."""
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] = 64
    """Longest caption, in tokens."""
