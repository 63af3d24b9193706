"""Build the task that a config names."""

from __future__ import annotations

import importlib

from engine.config.tasks.base import TaskFields
from engine.tasks.contract import Task
from engine.tasks.registry import TASKS


def build_task(config: TaskFields, base: object = None) -> Task:
    """The task that a config names.

    Args:
        config: of the task.
        base: the model, for what its publisher defines about the measurement.
    """
    module, _, name = TASKS[config.type].path.partition(":")
    task: Task = getattr(importlib.import_module(module), name)(config, base)
    return task
