"""Settings of Ray Data that the steps of a selection rely on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ray.data import DataContext
from ray.data._internal.execution.interfaces import ExecutionOptions, ExecutionResources
from ray.data._internal.execution.resource_manager import ResourceManager
from ray.data._internal.execution.streaming_executor import StreamingExecutor

from cluster.selection.ray_data_context import FullStart, set_up


@pytest.fixture
def manager() -> ResourceManager:
    """Ray's own, as far as limits go, on a cluster that answers with nothing at first."""
    answers = iter([ExecutionResources.zero(), ExecutionResources(cpu=4), ExecutionResources(cpu=9)])
    manager = ResourceManager.__new__(ResourceManager)
    manager._options = ExecutionOptions()
    manager._get_total_resources = lambda: next(answers)
    manager._object_store_memory_limit_fraction = 0.5
    manager._global_limits = ExecutionResources.zero()
    manager._global_limits_last_update_time = 0
    return manager


def test_ray_names_its_limits_so() -> None:
    names = ResourceManager.__init__.__code__.co_names
    assert {"_global_limits", "_global_limits_last_update_time"} <= set(names)
    assert "_resource_manager" in StreamingExecutor.execute.__code__.co_names


def test_limits_that_are_not_known_are_asked_for_again_at_once(manager: ResourceManager) -> None:
    executor = SimpleNamespace(_resource_manager=manager)
    assert manager.get_global_limits().is_zero()
    assert manager.get_global_limits().is_zero()  # Ray would look again after a second
    FullStart().on_execution_step(executor)
    assert manager.get_global_limits().cpu == 4
    FullStart().on_execution_step(executor)
    assert manager.get_global_limits().cpu == 4  # known: as Ray does it


def test_another_ray_without_such_limits_is_left_alone() -> None:
    FullStart().on_execution_step(SimpleNamespace())


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")  # Ray sets its own old settings
def test_settings_are_made_once() -> None:
    with DataContext.current(DataContext()):
        set_up()
        set_up()
        context = DataContext.get_current()
        assert context.custom_execution_callback_classes.count(FullStart) == 1
        assert context.target_max_block_size == 1
