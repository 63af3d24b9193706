"""The contract of a task, and the registry of tasks."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from engine.config.training import TrainingConfig
from engine.data.example import Utterance
from engine.metrics.registry import Values


class Task(Protocol):
    """A task: turns examples into batches, a loss, predictions and metrics."""

    @property
    def cost_unit(self) -> str:
        """Unit in which the cost of examples and batches is counted."""
        ...

    def lengths_s(self, utterances: Sequence[Utterance]) -> list[float]:
        """Seconds that the encoder runs over for each utterance."""
        ...

    def misfits(self, utterances: Sequence[Utterance]) -> dict[str, str]:
        """Why utterances do not fit the model, by id."""
        ...

    def collate(
        self,
        utterances: Sequence[Utterance],
        folder: Path,
        seeds: Sequence[Sequence[int]] | None,
        *,
        whole_window: bool = False,
    ) -> Any:
        """Read audio and text into a batch on the CPU.

        Args:
            utterances: the examples.
            folder: of the dataset version.
            seeds: one per utterance, for augmentation; None turns augmentation off.
            whole_window: pad to the model's whole window, regardless of the config.
        """
        ...

    def loss(self, batch: Any) -> tuple[torch.Tensor, int]:
        """Sum of the loss over targets, and the number of targets; the training loop divides once per step."""
        ...

    def target_count(self, utterances: Sequence[Utterance]) -> int:
        """Number of targets in these utterances, without reading their audio."""
        ...

    def predict(self, utterances: Sequence[Utterance], folder: Path) -> list[str]:
        """A prediction for each utterance."""
        ...

    def primary(self, utterances: Sequence[Utterance]) -> str:
        """Name of the metric that decides, for these utterances."""
        ...

    def score(self, references: Sequence[str], hypotheses: Sequence[str]) -> Values:
        """Metrics of predictions."""
        ...


# Lazy: a task's libraries are imported only when it is used.
TASKS: dict[str, str] = {"speech_to_text": "engine.tasks.speech_to_text:SpeechToText"}


def build_task(config: TrainingConfig, speech: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """The task that a config names, bound to a loaded model."""
    module, _, name = TASKS[config.task.type].partition(":")
    return getattr(importlib.import_module(module), name)(config, speech, device, dtype)
