"""Settings of Ray Data that the steps of a selection rely on."""

from __future__ import annotations

import pytest
from ray.data import DataContext

from cluster.selection.ray_data_context import set_up


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")  # Ray sets its own old settings
def test_what_a_task_made_goes_to_the_driver_at_once_and_ray_stays_silent() -> None:
    with DataContext.current(DataContext()):
        set_up()
        context = DataContext.get_current()
        assert context.target_max_block_size == 1
        assert not context.enable_progress_bars
        assert context.memory_usage_poll_interval_s is None
