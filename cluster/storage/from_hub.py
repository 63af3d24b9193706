"""Get the object store's settings from the hub: keys in a job's environment would be visible through Ray."""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from typing import Any, Final

from cluster.errors import RuntimeUnavailableError
from cluster.event_relay import HUB_NAME, HUB_NAMESPACE

VARIABLE: Final = "LIM_STORAGE"
HUB: Final = "hub"
"""Value of that variable: ask the hub."""
_ANSWER_S: Final = 10.0
_PATIENCE_S: Final = 60.0
"""A dead hub restarts within some seconds."""


def adopt_storage(environ: MutableMapping[str, str] | None = None, *, patience_s: float = _PATIENCE_S) -> None:
    """Set the hub's object-store variables in this process's environment, if the environment says to ask the hub.

    Only the platform's own drivers do so; they stay connected to its cluster afterwards.

    Raises:
        RuntimeUnavailableError: no cluster, or the hub does not answer.
    """
    environ = os.environ if environ is None else environ
    if environ.get(VARIABLE) != HUB:
        return
    import ray
    from ray.exceptions import GetTimeoutError, RayError

    from cluster.runtime import connect

    connect(environ.get("RAY_ADDRESS") or "auto")
    deadline = time.monotonic() + patience_s
    while True:
        try:
            hub: Any = ray.get_actor(HUB_NAME, HUB_NAMESPACE)
            environ.update(ray.get(hub.storage.remote(), timeout=_ANSWER_S))
        except (ValueError, GetTimeoutError, RayError) as error:  # ValueError: no actor of that name
            if time.monotonic() > deadline:
                raise RuntimeUnavailableError(
                    f"the platform's hub does not return its object store: {error}"
                ) from error
            time.sleep(0.5)
        else:
            return
