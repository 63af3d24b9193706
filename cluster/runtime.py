"""The Ray cluster: the one at `RAY_ADDRESS`, or a local one started here; and whether it could hold a run."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cluster import local_ray
from cluster.config import ResourcesConfig
from cluster.errors import InfeasibleError, RuntimeUnavailableError
from cluster.local_ray import LocalRay
from cluster.storage.settings import lim_home
from engine.errors import Fault

_GIB: Final = 2**30


@dataclass
class Runtime:
    """A connection to a Ray cluster; use as a context manager or call `stop`."""

    address: str
    """Address of the cluster, for `RAY_ADDRESS`."""
    dashboard_url: str | None
    """Dashboard and Jobs API, for `ray job submit --address`; None if the cluster has none."""
    local: LocalRay | None = None
    """The cluster, if it was started here; `stop` ends it too."""

    def environment(self) -> dict[str, str]:
        """The variables that another process of this user needs to reach the cluster."""
        names = (*local_ray.AUTHENTICATION, *(local_ray.LOOPBACK if self.local else ()))
        return {"RAY_ADDRESS": self.address, **{name: os.environ[name] for name in names if name in os.environ}}

    def fault(self) -> str | None:
        """Why a cluster that was started here has ended, as a message; None while it runs, or for any other cluster."""
        return self.local.fault() if self.local is not None else None

    def disconnect(self) -> None:
        """Disconnect; the cluster and its detached actors keep running."""
        import ray

        ray.shutdown()

    def reconnect(self) -> None:
        """Reconnect if disconnected. Idempotent.

        Raises:
            RuntimeUnavailableError: the cluster does not answer.
        """
        connect(self.address, level=logging.ERROR)  # Ray warns when this is called outside the main thread

    def stop(self) -> None:
        """Disconnect, and end the cluster if it was started here. Idempotent."""
        self.disconnect()
        if self.local is not None:
            self.local.stop()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_or_connect(environ: Mapping[str, str] | None = None, **local: Any) -> Runtime:
    """Connect to the cluster at `RAY_ADDRESS`; if that is unset or `local`, start a local one with the options `local`.

    Raises:
        RuntimeUnavailableError: no cluster answers there, or none can be started.
    """
    address = (os.environ if environ is None else environ).get("RAY_ADDRESS")
    return connect(address) if address and address != "local" else start_local(**local)


def connect(address: str, *, level: int = logging.WARNING) -> Runtime:
    """Connect this process to a running cluster.

    Args:
        address: as `ray start` printed it.
        level: of Ray's log messages, as in `logging`.

    Raises:
        RuntimeUnavailableError: no cluster answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.exceptions import RayError

    try:
        context = ray.init(address, ignore_reinit_error=True, log_to_driver=False, logging_level=level)
    except (ConnectionError, RuntimeError, ValueError, OSError, RayError) as error:
        raise RuntimeUnavailableError(
            f"no Ray cluster answers at RAY_ADDRESS={address}: {error}. Give the address that `ray start` printed, or "
            "unset RAY_ADDRESS to use a local cluster"
        ) from error
    return Runtime(ray.get_runtime_context().gcs_address, _url(context.dashboard_url))


def start_local(*, cpus: int | None = None, labels: Mapping[str, str] | None = None, dashboard: bool = True) -> Runtime:
    """Start a cluster of one node on this machine, which ends with this process.

    Args:
        cpus: CPUs that the cluster offers; None: those of the machine.
        labels: Ray node labels, such as `{"lim/device-class": "cpu"}`.
        dashboard: start the dashboard, and with it the Jobs API.

    Raises:
        RuntimeUnavailableError: it does not start, or this process is connected to another cluster already.
    """
    home = lim_home()
    local_ray.prepare_process(home)
    import ray

    if ray.is_initialized():
        raise RuntimeUnavailableError("this process is connected to a Ray cluster already; call ray.shutdown() first")
    local = LocalRay.start(home, cpus=cpus, labels=labels or {}, dashboard=dashboard)
    try:
        runtime = connect(local.address)
    except BaseException:
        local.stop()
        raise
    return Runtime(runtime.address, local.dashboard_url, local)


# ---- feasibility ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """Total resources of a node of the cluster, free or not."""

    name: str
    cpus: float
    gpus: float
    memory_bytes: float
    labels: Mapping[str, str]
    address: str = ""
    """Address of its raylet."""
    id: str = ""
    host: str = ""
    """Its host name."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """CPUs, GPUs and custom resources; without memory (see above) and Ray's own markers."""


def live_nodes() -> list[Node]:
    """The nodes of the connected cluster that are alive."""
    import ray

    nodes = []
    for entry in ray.nodes():
        if entry["Alive"]:
            has = entry["Resources"]
            nodes.append(
                Node(
                    name=f"{entry['NodeName']} ({entry['NodeManagerAddress']})",
                    cpus=float(has.get("CPU", 0.0)),
                    gpus=float(has.get("GPU", 0.0)),
                    memory_bytes=float(has.get("memory", 0.0)),
                    labels=dict(entry.get("Labels") or {}),
                    address=f"{entry['NodeManagerAddress']}:{entry['NodeManagerPort']}",
                    id=entry["NodeID"],
                    host=entry["NodeName"],
                    resources={name: float(count) for name, count in has.items() if not _is_mark(name)},
                )
            )
    return nodes


def free_resources() -> dict[str, float]:
    """Free CPUs, GPUs and custom resources of the connected cluster, by name; zero for one that is fully reserved."""
    import ray

    free = ray.available_resources()
    return {name: float(free.get(name, 0.0)) for name in ray.cluster_resources() if not _is_mark(name)}


def _is_mark(resource: str) -> bool:
    """Whether Ray itself added the resource: memory, object store memory, or the marker of a node."""
    return resource in ("memory", "object_store_memory") or resource.startswith("node:")


def check_feasible(resources: ResourcesConfig, nodes: Sequence[Node] | None = None) -> None:
    """Reject resources that the nodes do not have in total, free or not: Ray itself would silently wait forever.

    Args:
        resources: what a run requests; fault paths are relative to it.
        nodes: the nodes; None asks the connected cluster.

    Raises:
        InfeasibleError: the nodes could never hold the workers; names each node and why.
    """
    nodes = live_nodes() if nodes is None else nodes
    places = {node.name: _places(resources, node) for node in nodes}
    wanted = resources.num_workers
    if sum(count for count, _, _ in places.values()) >= wanted:
        return
    whys = [f"{name}: {why}" for name, (_, _, why) in places.items()] or ["the cluster has no live node"]
    holding = sum(count for count, _, _ in places.values())
    if holding:
        path, told = "num_workers", f"{wanted} workers do not fit: the nodes can hold {holding}"
    else:
        paths = {path for _, path, _ in places.values()}
        path = paths.pop() if len(paths) == 1 else ""
        told = f"no node can hold a worker with {_asked(resources)}"
    raise InfeasibleError([Fault(path, f"{told}. {'; '.join(whys)}. Ask for less, or add a node")])


def room_for(resources: ResourcesConfig, nodes: Sequence[Node]) -> int:
    """How many workers of this kind the nodes can hold in total, regardless of `num_workers`."""
    return sum(_places(resources, node)[0] for node in nodes)


def _places(resources: ResourcesConfig, node: Node) -> tuple[int, str, str]:
    """How many workers a node could hold, the field that prevents any (if none), and the reason."""
    for key, wanted in resources.label_selector.items():
        found = node.labels.get(key)
        if not label_matches(wanted, found):
            label = f"label {key} is {found}" if found is not None else f"no label {key}"
            return 0, "label_selector", f"{label}, wanted {wanted}"
    needs = (
        ("cpus_per_worker", resources.cpus_per_worker, node.cpus, "CPUs", 1.0),
        ("gpus_per_worker", resources.gpus_per_worker, node.gpus, "GPUs", 1.0),
        ("memory_bytes_per_worker", resources.memory_bytes_per_worker or 0, node.memory_bytes, "GiB of memory", _GIB),
    )
    counts = []
    for path, asked, has, unit, scale in needs:
        if asked:
            count = int(has / asked + 1e-6)
            if count == 0:
                return 0, path, f"has {has / scale:g} {unit}, wanted {asked / scale:g}"
            counts.append((count, f"has {has / scale:g} {unit}, {asked / scale:g} for each worker"))
    count, why = min(counts, default=(resources.num_workers, "has room"))
    return count, "", f"holds {count}: {why}"


def label_matches(wanted: str, found: str | None) -> bool:
    """Whether a node's label (None: the node has no such label) matches a selector.

    Ray has four forms of selectors: `value`, `!value`, `in(a, b)` and `!in(a, b)`.
    """
    negated = wanted.startswith("!")
    form = wanted.removeprefix("!").strip()
    if form.startswith("in(") and form.endswith(")"):
        allowed = {value.strip() for value in form[3:-1].split(",")}
    else:
        allowed = {form}
    return (found in allowed) != negated


def _asked(resources: ResourcesConfig) -> str:
    parts = [f"{resources.cpus_per_worker:g} CPUs"]
    if resources.gpus_per_worker:
        parts.append(f"{resources.gpus_per_worker:g} GPUs")
    if resources.memory_bytes_per_worker:
        parts.append(f"{resources.memory_bytes_per_worker / _GIB:g} GiB of memory")
    parts += [f"label {key}={value}" for key, value in resources.label_selector.items()]
    return ", ".join(parts)


# ---- small things -----------------------------------------------------------------------------------------


def _url(found: str | None) -> str | None:
    return f"http://{found}" if found else None
