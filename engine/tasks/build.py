"""Build the task that a config names."""

from __future__ import annotations

from engine.code import import_code
from engine.config.tasks.base import TaskFields
from engine.tasks.contract import Task


def build_task(config: TaskFields, base: object = None) -> Task:
    """The task that a config names.

    Args:
        config: of the task.
        base: the model, for what its publisher defines about the measurement.
    """
    task: Task = import_code(config.code)(config, base)
    return task
