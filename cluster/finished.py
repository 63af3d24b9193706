"""Return a finished result from a driver's store, if it was made from the same inputs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from cluster.event_relay import EventRelay
from engine.errors import ConfigError, Fault
from engine.run.provenance.inputs import Inputs, begin, say_shown_again, shown_again
from engine.run.store import RunStore


def given_again(store: RunStore, inputs: Inputs, what: str, log: logging.Logger) -> Mapping[str, Any]:
    """The finished result in a store; log line and event say that it is shown again.

    Args:
        store: of a finished run.
        inputs: of the current request.
        what: the work that was not done, such as `trained`.
        log: the driver's logger.

    Raises:
        ConfigError: the result was made from other inputs; names each difference.
    """
    finished = begin(store, inputs, parts=())
    if finished is None:
        raise ConfigError([Fault("name", "its result has just been removed; start again")])
    result: Mapping[str, Any] = json.loads(finished)
    log.info("%s", shown_again(result, what))
    with EventRelay(store) as events:  # not sent to the hub: the platform reads the result itself
        say_shown_again(events, result, what)
    return result
