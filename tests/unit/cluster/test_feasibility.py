"""Whether nodes could ever hold a run's workers."""

from __future__ import annotations

import pickle

import pytest

from cluster.config import ResourcesConfig
from cluster.errors import InfeasibleError
from cluster.runtime import Node, check_feasible, label_matches
from engine.config.base import parse
from engine.errors import ConfigError

GIB = 2**30
JETSON = Node("orin (10.0.0.11)", 6.0, 1.0, 5.0 * GIB, {"lim/device-class": "jetson-orin-nano"})
SERVER = Node("server (10.0.0.12)", 16.0, 0.0, 60.0 * GIB, {"lim/device-class": "vm", "lim/site": "lab"})
NODES = [JETSON, SERVER]


def faults_of(resources: ResourcesConfig, nodes: list[Node]) -> str:
    with pytest.raises(InfeasibleError) as raised:
        check_feasible(resources, nodes)
    return str(raised.value)


@pytest.mark.parametrize(
    "resources",
    [
        ResourcesConfig(),
        ResourcesConfig(num_workers=22),
        ResourcesConfig(gpus_per_worker=0.5, num_workers=2),
        ResourcesConfig(memory_bytes_per_worker=30 * GIB, num_workers=2),
        ResourcesConfig(label_selector={"lim/device-class": "vm"}, cpus_per_worker=16),
        ResourcesConfig(label_selector={"lim/device-class": "!jetson-orin-nano", "lim/site": "in(lab, field)"}),
    ],
)
def test_what_fits(resources: ResourcesConfig) -> None:
    check_feasible(resources, NODES)


def test_a_label_that_no_node_has() -> None:
    told = faults_of(ResourcesConfig(label_selector={"lim/device-class": "h200"}), NODES)
    assert told.startswith("label_selector: no node can hold a worker with 1 CPUs, label lim/device-class=h200.")
    assert "orin (10.0.0.11): label lim/device-class is jetson-orin-nano, wanted h200" in told
    assert "server (10.0.0.12): label lim/device-class is vm, wanted h200" in told


def test_each_node_has_its_own_reason() -> None:
    told = faults_of(ResourcesConfig(gpus_per_worker=1, memory_bytes_per_worker=8 * GIB), NODES)
    assert "orin (10.0.0.11): has 5 GiB of memory, wanted 8" in told
    assert "server (10.0.0.12): has 0 GPUs, wanted 1" in told
    assert told.endswith("Ask for less, or add a node")


def test_too_many_workers() -> None:
    told = faults_of(ResourcesConfig(num_workers=4, cpus_per_worker=6), NODES)
    assert told.startswith("num_workers: 4 workers do not fit: the nodes can hold 3.")
    assert "orin (10.0.0.11): holds 1: has 6 CPUs, 6 for each worker" in told
    assert "server (10.0.0.12): holds 2: has 16 CPUs, 6 for each worker" in told


def test_no_node() -> None:
    assert "the cluster has no live node" in faults_of(ResourcesConfig(), [])


def test_the_error_travels() -> None:
    with pytest.raises(InfeasibleError) as raised:
        check_feasible(ResourcesConfig(), [])
    assert pickle.loads(pickle.dumps(raised.value)).faults == raised.value.faults


@pytest.mark.parametrize(
    ("wanted", "found", "matches"),
    [
        ("gpu", "gpu", True),
        ("gpu", "vm", False),
        ("gpu", None, False),
        ("!gpu", "vm", True),
        ("!gpu", None, True),
        ("in(gpu, vm)", "vm", True),
        ("in(gpu,vm)", "jetson", False),
        ("!in(gpu,vm)", "jetson", True),
        ("!in(gpu,vm)", "gpu", False),
    ],
)
def test_label_forms(wanted: str, found: str | None, matches: bool) -> None:
    assert label_matches(wanted, found) is matches


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("cpus_per_worker", 5e-324, "greater than or equal to 0.01"),
        ("gpus_per_worker", 5e-324, "give 0 for none, or at least 0.01"),
        ("memory_bytes_per_worker", 10**400, "less than or equal to"),
        ("threads_per_worker", 10**400, "less than or equal to"),
        ("num_workers", 10**400, "less than or equal to"),
    ],
)
def test_amounts_that_no_division_survives_are_refused(field: str, value: float, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(ResourcesConfig, {field: value})
    assert parse(ResourcesConfig, {"gpus_per_worker": 0.0, "cpus_per_worker": 0.01}).cpus_per_worker == 0.01
