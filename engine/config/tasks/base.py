"""What the configs of all tasks have in common."""

from __future__ import annotations

from typing import ClassVar, Self

from engine.config.base import Config, Name
from engine.data.example import TargetType
from engine.errors import Fault


class TaskFields(Config):
    """A task: its settings, and what is known about it without its code."""

    medium: ClassVar[str] = "audio"
    """Kind of its inputs, as in `engine.media.registry`; ingestion reads a dataset for the task as that."""
    targets: ClassVar[tuple[TargetType, ...]]
    """Types of the targets that it learns; of several, a dataset's content decides."""
    metrics: ClassVar[tuple[str, ...]]
    """Names of the metrics that it can measure."""
    pipeline: ClassVar[str]
    """Its name on the model hub, for the card."""
    code: ClassVar[str]
    """Module and class that judge predictions, a `engine.tasks.contract.Task`; imported when it is used."""

    type: Name
    """Name of the task."""

    def as_trained(self, trained: Self) -> Self:
        """These settings for measuring a model that was trained with others.

        Settings that are part of what was learned come from the training, such as the language of a multilingual model.
        """
        return self

    def local_paths(self) -> list[Fault]:
        """Faults for settings that name files of this machine, which a request to a server must not."""
        return []

    @property
    def text_language(self) -> str | None:
        """Language of the texts, as told; a dataset is read by it."""
        return None
