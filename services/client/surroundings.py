"""Calls about the platform itself."""

from __future__ import annotations

from typing import Any

import httpx

from services.client.connection import Connection
from services.client.errors import ServerUnreachableError


class SurroundingCalls(Connection):
    """Its state, its nodes, what configs may hold."""

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes of the cluster that are alive: labels, resources, memory, device class."""
        return list(self._items("/cluster/nodes"))

    def training_schema(self) -> dict[str, Any]:
        """JSON Schema of a training config."""
        return self._call("GET", "/schemas/training")

    def selection_schema(self) -> dict[str, Any]:
        """JSON Schema of how to choose."""
        return self._call("GET", "/schemas/selection")

    def alive(self) -> bool:
        """Whether a process answers; asks nothing else."""
        try:
            return self._http.get("/healthz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def ready(self) -> dict[str, Any]:
        """What the server says of itself and of each dependency; also when it is not ready."""
        try:
            answer = self._http.get("/readyz")
        except httpx.HTTPError as error:
            raise ServerUnreachableError(f"no server at {self._http.base_url}: {error}") from error
        return self._json(answer)
