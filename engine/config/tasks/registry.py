"""The registry of tasks. Imports neither torch nor Ray."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from engine.config.tasks.audio_classification import AudioClassificationConfig
from engine.config.tasks.base import TaskFields
from engine.config.tasks.captioning import CaptioningConfig
from engine.config.tasks.retrieval import RetrievalConfig
from engine.config.tasks.speech_to_text import SpeechToTextConfig

TASKS: Final[Mapping[str, type[TaskFields]]] = {
    "speech_to_text": SpeechToTextConfig,
    "audio_classification": AudioClassificationConfig,
    "captioning": CaptioningConfig,
    "retrieval": RetrievalConfig,
}
"""The config of each task by its name; the class holds what is known about the task without its code."""


def _known(name: str) -> str:
    if name not in TASKS:
        raise ValueError(f"no task {name!r}; there are {', '.join(TASKS)}")
    return name


TaskName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(TASKS)})]
"""Name of a task."""


def _typed(value: Any) -> Any:
    """Speech to text is meant where no task is named: configs from before there were others name none."""
    return {"type": "speech_to_text"} | value if isinstance(value, dict) else value


if TYPE_CHECKING:
    TaskConfig = TaskFields
else:
    TaskConfig = Annotated[
        functools.reduce(operator.or_, TASKS.values()), Field(discriminator="type"), BeforeValidator(_typed)
    ]
