"""What jobs take of a cluster, and what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.config import ResourcesConfig, threads_of


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a cluster has in all, or a job takes of it."""

    cpus: float
    gpus: float


def room_of(asked: Mapping[str, Any]) -> Capacity:
    """What a job reserves.

    Args:
        asked: its resources as they are kept, by this release or an earlier one, which may have allowed more.
    """
    workers = int(asked.get("num_workers", 1))
    return Capacity(
        workers * float(asked.get("cpus_per_worker", 1.0)), workers * float(asked.get("gpus_per_worker", 0.0))
    )


def resources_of(asked: Mapping[str, Any]) -> ResourcesConfig:
    """A job's resources, with as many compute threads as its CPUs run at the same time, or fewer if it asked for fewer.

    Several jobs share a node: a worker that took all of its processors would take those of others.

    Args:
        asked: its resources as they are kept.
    """
    most = threads_of(float(asked.get("cpus_per_worker", 1.0)))
    return ResourcesConfig.model_validate(
        {**asked, "threads_per_worker": min(asked.get("threads_per_worker") or most, most)}
    )
