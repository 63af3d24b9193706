"""The configs of all tasks, by name. Imports neither torch nor Ray."""

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

TASK_CONFIGS: Final[Mapping[str, type[TaskFields]]] = {
    "speech_to_text": SpeechToTextConfig,
    "audio_classification": AudioClassificationConfig,
    "captioning": CaptioningConfig,
    "retrieval": RetrievalConfig,
}


def _known(name: str) -> str:
    if name not in TASK_CONFIGS:
        raise ValueError(f"no task {name!r}; there are {', '.join(TASK_CONFIGS)}")
    return name


TaskName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(TASK_CONFIGS)})]
"""Name of a task."""


def _typed(value: Any) -> Any:
    """Speech to text is meant where no task is named: configs from before there were others name none."""
    return {"type": "speech_to_text"} | value if isinstance(value, dict) else value


if TYPE_CHECKING:
    TaskConfig = TaskFields
else:
    TaskConfig = Annotated[
        functools.reduce(operator.or_, TASK_CONFIGS.values()), Field(discriminator="type"), BeforeValidator(_typed)
    ]
