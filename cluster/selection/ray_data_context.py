"""How Ray Data runs the steps of a selection. Imports Ray Data, which takes seconds: import it where it is needed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ray.data import DataContext
from ray.data._internal.execution.execution_callback import ExecutionCallback

if TYPE_CHECKING:
    from ray.data._internal.execution.streaming_executor import StreamingExecutor


def set_up() -> None:
    """Settings of this process's datasets; said twice, it changes nothing more."""
    for name in ("ray.data", "ray.data._internal.progress"):  # the selection tells its own progress
        logging.getLogger(name).setLevel(logging.ERROR)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.enable_operator_progress_bars = False
    context.print_on_execution_start = False
    # No thread walks through a task's pages once a second to tell its size.
    context.memory_usage_poll_interval_s = None
    # One byte: what a task made of a block goes to the driver when it is there, not at the task's end.
    context.target_max_block_size = 1
    if FullStart not in context.custom_execution_callback_classes:
        context.custom_execution_callback_classes.append(FullStart)


class FullStart(ExecutionCallback):
    """Asks for the cluster's size again at once, so that a step begins on all workers and not on one.

    Ray 2.60 does not wait for the first answer, takes it for none, starts one task only, and looks at the answer after
    a second. Where Ray has no such limits any more, this does nothing.
    """

    def on_execution_step(self, executor: StreamingExecutor) -> None:
        """Let limits that are not known yet be asked for in the next step, a tenth of a second later."""
        manager = getattr(executor, "_resource_manager", None)
        limits = getattr(manager, "_global_limits", None)
        if manager is not None and limits is not None and limits.is_zero():
            manager._global_limits_last_update_time = 0.0
