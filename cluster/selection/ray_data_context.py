"""Ray Data's settings for the steps of a selection. Takes seconds to import: do so only where needed."""

from __future__ import annotations

import logging

from ray.data import DataContext


def set_up() -> None:
    """Configure this process's datasets. Idempotent."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # the selection reports its own progress
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.enable_operator_progress_bars = False
    context.print_on_execution_start = False
    # Do not walk through a task's memory pages every second to report its size.
    context.memory_usage_poll_interval_s = None
    # One byte, so that the result of a block goes to the driver when it is ready, not at the task's end.
    context.target_max_block_size = 1
