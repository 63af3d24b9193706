"""What differs between the models of the family.

Legend: W windows of audio, M mel bands, F frames of 10 ms, B rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from engine.families.audio_llm.prompt import Prompt


class Architecture(Protocol):
    """How a model takes audio and text."""

    @property
    def most_windows(self) -> int | None:
        """Windows that a recording may take; None: as many as the decoder has positions for."""
        ...

    @property
    def targets(self) -> tuple[str, ...]:
        """Names (suffixes) of all linear layers but the output layer."""
        ...

    def positions(self, frames: int, windows: int) -> int:
        """Positions of the decoder that a recording takes.

        Args:
            frames: of its audio.
            windows: that it is padded to.
        """
        ...

    def audio_inputs(self, mel_WMF: torch.Tensor, frames: Sequence[int]) -> dict[str, torch.Tensor]:
        """Arguments of the model's forward pass for audio.

        Args:
            mel_WMF: whole windows.
            frames: that hold audio, for each recording.
        """
        ...

    def ask(self, question: str) -> Prompt:
        """The prompt of a question about a recording.

        Raises:
            ModelError: the question contains a special token.
        """
        ...

    def transcribe(self, language: str | None) -> Prompt:
        """The prompt for a transcript.

        Args:
            language: its code; None: not named.
        """
        ...
