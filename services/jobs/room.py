"""What jobs take of a cluster, and what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster.config import ResourcesConfig, threads_of

_ROUNDING: Final = 1e-6  # of sums of fractions


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a cluster has in all, or a job takes of it."""

    cpus: float
    gpus: float
    memory_bytes: float = 0.0
    """As Ray counts it: what nodes were started with, not what is free. Of a cluster, 0: it does not count memory."""

    def __add__(self, other: Capacity) -> Capacity:
        """Both together."""
        return Capacity(self.cpus + other.cpus, self.gpus + other.gpus, self.memory_bytes + other.memory_bytes)

    def __sub__(self, other: Capacity) -> Capacity:
        """Without the other."""
        return Capacity(self.cpus - other.cpus, self.gpus - other.gpus, self.memory_bytes - other.memory_bytes)

    def holds(self, need: Capacity, share: float = 1.0) -> bool:
        """Whether there is room for `need` in this part of it."""
        return (
            need.cpus <= share * self.cpus + _ROUNDING
            and need.gpus <= share * self.gpus + _ROUNDING
            and (not self.memory_bytes or need.memory_bytes <= share * self.memory_bytes)
        )


def room_of(asked: Mapping[str, Any]) -> Capacity:
    """What a job reserves.

    Args:
        asked: its resources as they are kept, by this release or an earlier one, which may have allowed more.
    """
    workers = int(asked.get("num_workers", 1))
    return Capacity(
        workers * float(asked.get("cpus_per_worker", 1.0)),
        workers * float(asked.get("gpus_per_worker", 0.0)),
        workers * float(asked.get("memory_bytes_per_worker") or 0),
    )


def resources_of(asked: Mapping[str, Any]) -> ResourcesConfig:
    """A job's resources for its driver, with as many compute threads as its CPUs run at once or fewer.

    Several jobs share a node: a worker that took all of its processors would take those of others.

    Args:
        asked: its resources as they are kept.
    """
    resources = asked_resources(asked)
    most = threads_of(resources.cpus_per_worker)
    return resources.model_copy(update={"threads_per_worker": resources.threads_per_worker or most})


def asked_resources(asked: Mapping[str, Any]) -> ResourcesConfig:
    """A job's resources as they were asked for; of more threads than earlier releases bounded, as many as are allowed.

    Args:
        asked: its resources as they are kept.
    """
    threads = asked.get("threads_per_worker")
    if threads is not None:
        threads = min(threads, threads_of(float(asked.get("cpus_per_worker", 1.0))))
    return ResourcesConfig.model_validate({**asked, "threads_per_worker": threads})
