"""The platform's object store, asked of its hub: the keys stand in no job's environment, where Ray would show them."""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from typing import Any, Final

from cluster.errors import RuntimeUnavailableError
from cluster.event_relay import HUB_NAME, HUB_NAMESPACE

VARIABLE: Final = "LIM_STORAGE"
HUB: Final = "hub"
"""Of that variable: ask the hub."""
_ANSWER_S: Final = 10.0
_PATIENCE_S: Final = 60.0
"""A hub that died is there again after some seconds."""


def adopt_storage(environ: MutableMapping[str, str] | None = None, *, patience_s: float = _PATIENCE_S) -> None:
    """Put the variables of the hub's object store into the environment of this process, if it is told to ask the hub.

    Only the platform's own drivers are told so; they are connected to its cluster afterwards.

    Raises:
        RuntimeUnavailableError: no cluster, or no hub that answers.
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
                raise RuntimeUnavailableError(f"the platform's hub does not tell its object store: {error}") from error
            time.sleep(0.5)
        else:
            return
