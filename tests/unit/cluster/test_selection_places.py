"""How many tasks of a selection run at the same time, and what Ray reserves for each."""

from __future__ import annotations

import pytest

from cluster import runtime
from cluster.config import ResourcesConfig
from cluster.runtime import Node
from cluster.selection.config import SelectionResources
from cluster.selection.ray_steps import Places, readers, scorers, task_options


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [
        Node(name="a", cpus=2.0, gpus=1.0, memory_bytes=8 * 2**30, labels={}),
        Node(name="b", cpus=1.0, gpus=0.0, memory_bytes=8 * 2**30, labels={}),
    ]
    monkeypatch.setattr(runtime, "live_nodes", lambda: nodes)


@pytest.mark.usefixtures("two_nodes")
def test_one_more_reads_than_there_are_cpus_and_all_of_them_fit() -> None:
    found = readers(SelectionResources())
    assert found == Places(4, 0.75)
    assert readers(SelectionResources(spare_readers=0)) == Places(3, 1.0)
    odd = readers(SelectionResources(spare_readers=4))
    assert odd.tasks == 7
    assert odd.tasks * odd.cpus <= 3.0


@pytest.mark.usefixtures("two_nodes")
def test_who_names_a_number_gets_that_many_at_most() -> None:
    assert readers(SelectionResources(most_workers=2)) == Places(2, 1.0)
    assert readers(SelectionResources(most_workers=9)) == Places(3, 1.0)


@pytest.mark.usefixtures("two_nodes")
def test_each_scorer_has_its_cpus_for_itself() -> None:
    assert scorers(SelectionResources()) == Places(3, 1.0)
    assert scorers(SelectionResources(gpus_per_scorer=0.5)) == Places(2, 1.0, 0.5)


CHANGED = {
    "num_workers": 2,
    "cpus_per_worker": 0.5,
    "gpus_per_worker": 1.0,
    "memory_bytes_per_worker": 3 * 2**30,
    "label_selector": {"lim/device-class": "cpu"},
    "threads_per_worker": 1,
    "max_failures": 7,
}


@pytest.mark.parametrize("field", ResourcesConfig.model_fields)
def test_a_selection_job_drops_nothing_of_its_resources(field: str) -> None:
    asked = ResourcesConfig.model_validate({field: CHANGED[field]})
    assert SelectionResources.of(asked) != SelectionResources.of(ResourcesConfig())


@pytest.mark.usefixtures("two_nodes")
def test_what_ray_is_asked_for_each_task() -> None:
    asked = SelectionResources.of(ResourcesConfig.model_validate(CHANGED))
    assert task_options(asked, scorers(asked)) == {
        "num_cpus": 0.5,
        "num_gpus": 1.0,
        "memory": 3 * 2**30,
        "label_selector": {"lim/device-class": "cpu"},
    }
    assert task_options(SelectionResources(), readers(SelectionResources())) == {"num_cpus": 0.75}


@pytest.mark.usefixtures("two_nodes")
def test_memory_limits_how_many_tasks_run() -> None:
    assert scorers(SelectionResources()).tasks == 3
    assert scorers(SelectionResources(memory_bytes_per_worker=6 * 2**30)).tasks == 2
