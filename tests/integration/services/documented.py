"""Every status that the application answers stands in its document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from engine.models.catalogue import PROJECT_ROOT

_DOCUMENT: Final = PROJECT_ROOT / "docs" / "openapi.json"


class Documented:
    """A hook for responses: collects those whose status their operation does not name.

    It leaves out what no document describes: faults of the platform, which some tests make, and a body for an operation
    that takes none.
    """

    def __init__(self) -> None:
        paths: Mapping[str, Mapping[str, Any]] = json.loads(_DOCUMENT.read_text())["paths"]
        # A path without parameters comes before one whose parameter would take its last part.
        self._paths = [
            (re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path)), operations)
            for path, operations in sorted(paths.items(), key=lambda each: each[0].count("{"))
        ]
        self.faults: set[str] = set()

    async def __call__(self, response: httpx.Response) -> None:
        request = response.request
        for path, operations in self._paths:
            if path.fullmatch(request.url.path):
                for fault in _faults(request.method, path.pattern, operations, response.status_code):
                    self.faults.add(fault)
                return


def _faults(method: str, path: str, operations: Mapping[str, Any], status: int) -> Iterator[str]:
    operation = operations.get(method.lower())
    if operation is None or status == 500 or (status == 415 and "requestBody" not in operation):
        return
    if str(status) not in operation["responses"]:
        yield f"{method} {path} answered {status}, which docs/openapi.json does not name"
