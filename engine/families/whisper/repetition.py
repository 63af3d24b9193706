"""Detect transcripts that repeat themselves, as sequence-to-sequence models do when they lose the audio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from transformers import StoppingCriteria

_LONGEST_PIECE: Final = 64
_TIMES: Final = 4
_LEAST: Final = 48
"""Minimum total of repeated tokens: people may say a word ten times in half a minute, but not more."""
_EVERY: Final = 8


def repeats(ids: Sequence[int]) -> bool:
    """Whether a transcript ends with at least four repetitions of a piece of up to 64 tokens, 48 tokens in total."""
    row = np.asarray(ids)
    for length in range(1, _LONGEST_PIECE + 1):
        span = max(_TIMES * length, _LEAST)
        if span > len(row):
            if length * _TIMES > len(row):
                return False
            continue
        if (row[-span + length :] == row[-span:-length]).all():
            return True
    return False


class StopsRepeating(StoppingCriteria):
    """Stops a transcript once its last tokens repeat."""

    def __init__(self, prompt_tokens: int) -> None:
        self._prompt_tokens = prompt_tokens

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Whether to stop each row of ids_BU."""
        written = input_ids[:, self._prompt_tokens :]
        if written.shape[1] % _EVERY:
            return torch.zeros(len(written), dtype=torch.bool, device=input_ids.device)
        over = [repeats(row) for row in written.tolist()]
        return torch.tensor(over, dtype=torch.bool, device=input_ids.device)
