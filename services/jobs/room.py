"""Resources that jobs take, and those that a cluster has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster.config import ResourcesConfig, threads_of
from engine.config.base import parse

_ROUNDING: Final = 1e-6  # rounding error of sums of fractions


@dataclass(frozen=True, slots=True)
class Capacity:
    """Resources that a cluster has in total, or that a job takes."""

    cpus: float
    gpus: float
    memory_bytes: float = 0.0
    """As Ray counts it: what nodes were started with, not what is free. 0 for a cluster: memory is not counted."""

    def __add__(self, other: Capacity) -> Capacity:
        return Capacity(self.cpus + other.cpus, self.gpus + other.gpus, self.memory_bytes + other.memory_bytes)

    def __sub__(self, other: Capacity) -> Capacity:
        return Capacity(self.cpus - other.cpus, self.gpus - other.gpus, self.memory_bytes - other.memory_bytes)

    def holds(self, need: Capacity, share: float = 1.0) -> bool:
        """Whether `need` fits into this share of the capacity."""
        return (
            need.cpus <= share * self.cpus + _ROUNDING
            and need.gpus <= share * self.gpus + _ROUNDING
            and (not self.memory_bytes or need.memory_bytes <= share * self.memory_bytes)
        )


NOTHING: Final = Capacity(0.0, 0.0)


def room_of(asked: Mapping[str, Any]) -> Capacity:
    """Resources that a job reserves.

    Args:
        asked: the job's resources as stored, by this release or by an earlier one, which may have allowed more.
    """
    workers = int(asked.get("num_workers", 1))
    return Capacity(
        workers * float(asked.get("cpus_per_worker", 1.0)),
        workers * float(asked.get("gpus_per_worker", 0.0)),
        workers * float(asked.get("memory_bytes_per_worker") or 0),
    )


def resources_of(asked: Mapping[str, Any]) -> ResourcesConfig:
    """A job's resources for its driver, with at most as many compute threads as its CPUs can run.

    Several jobs share a node: a worker that used all of its processors would use those of others.

    Args:
        asked: the job's resources as stored.
    """
    resources = asked_resources(asked)
    most = threads_of(resources.cpus_per_worker)
    return resources.model_copy(update={"threads_per_worker": resources.threads_per_worker or most})


def asked_resources(asked: Mapping[str, Any]) -> ResourcesConfig:
    """A job's resources as requested; earlier releases did not limit threads, so their number is capped here.

    Args:
        asked: the job's resources as stored.

    Raises:
        ConfigError: this release does not allow them any more.
    """
    threads = asked.get("threads_per_worker")
    if threads is not None:
        threads = min(threads, threads_of(float(asked.get("cpus_per_worker", 1.0))))
    return parse(ResourcesConfig, {**asked, "threads_per_worker": threads})
