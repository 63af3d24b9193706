"""The config of captioning: describing a recording in words."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.config.tasks.base import TaskFields


class CaptioningConfig(TaskFields):
    """Describe recordings in words. A recording with several captions teaches all of them."""

    type: Literal["captioning"] = "captioning"
    prompt: Annotated[str, Field(min_length=1, max_length=4000)] = "Describe the audio in one sentence."
    """What the model is asked about each recording, in training and afterwards."""
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] = 64
    """Longest caption, in tokens."""
