"""How Ray Data runs the steps of a selection. Imports Ray Data, which takes seconds: import it where it is needed."""

from __future__ import annotations

import logging

from ray.data import DataContext


def set_up() -> None:
    """Settings of this process's datasets; said twice, it changes nothing more."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # the selection tells its own progress
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.enable_operator_progress_bars = False
    context.print_on_execution_start = False
    # No thread walks through a task's pages once a second to tell its size.
    context.memory_usage_poll_interval_s = None
    # One byte: what a task made of a block goes to the driver when it is there, not at the task's end.
    context.target_max_block_size = 1
