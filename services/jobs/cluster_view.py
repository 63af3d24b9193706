"""The API's queries to the cluster that it runs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from cluster.config import ResourcesConfig
from engine.errors import Fault
from services.errors import UnavailableError

if TYPE_CHECKING:
    from cluster.runtime import Node


class ClusterView(Protocol):
    """Queries to a cluster; the calls block."""

    def faults(self, resources: ResourcesConfig) -> list[Fault]:
        """Why no nodes could ever hold the workers; empty when they could."""
        ...

    def nodes(self) -> Sequence[Node]:
        """The nodes that are alive.

        Raises:
            UnavailableError: the cluster does not answer.
        """
        ...

    def free(self) -> Mapping[str, float]:
        """What no job has reserved, over all nodes: amounts by resource."""
        ...


class RayView:
    """The cluster that this process is connected to. Imports Ray only when called."""

    def faults(self, resources: ResourcesConfig) -> list[Fault]:
        """Why no nodes could ever hold the workers; empty when they could."""
        from cluster.errors import InfeasibleError
        from cluster.runtime import check_feasible

        try:
            check_feasible(resources)
        except InfeasibleError as error:
            return [Fault(f"resources.{fault.path}".rstrip("."), fault.message) for fault in error.faults]
        return []

    def nodes(self) -> Sequence[Node]:
        """The nodes that are alive.

        Raises:
            UnavailableError: the cluster does not answer.
        """
        from ray.exceptions import RayError

        from cluster.runtime import live_nodes

        try:
            return live_nodes()
        except (RayError, RuntimeError, OSError) as error:
            raise UnavailableError("The cluster does not answer; try again soon.") from error

    def free(self) -> Mapping[str, float]:
        """What no job has reserved, over all nodes: amounts by resource."""
        from cluster.runtime import free_resources

        return free_resources()
