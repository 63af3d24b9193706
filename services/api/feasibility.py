"""Whether the cluster could ever hold a job's workers, asked before anything is submitted."""

from __future__ import annotations

from cluster.config import ResourcesConfig
from engine.errors import Fault


def cluster_faults(resources: ResourcesConfig) -> list[Fault]:
    """Why no nodes could ever hold the workers; empty when they could."""
    from cluster.errors import InfeasibleError
    from cluster.runtime import check_feasible  # with Ray, which an application without a cluster does not need

    try:
        check_feasible(resources)
    except InfeasibleError as error:
        return [Fault(f"resources.{fault.path}".rstrip("."), fault.message) for fault in error.faults]
    return []
