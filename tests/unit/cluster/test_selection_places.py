"""How many tasks of a selection run at the same time, and what Ray reserves for each."""

from __future__ import annotations

import pytest

from cluster import runtime
from cluster.runtime import Node
from cluster.selection.config import SelectionResources
from cluster.selection.ray_steps import Places, readers, scorers


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
