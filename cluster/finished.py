"""What a driver does when its store holds a finished result: give it again, where it was made of the same inputs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from cluster.event_relay import EventRelay
from engine.errors import ConfigError, Fault
from engine.provenance.inputs import Inputs, begin, say_shown_again, shown_again
from engine.storage import RunStore


def given_again(store: RunStore, inputs: Inputs, what: str, log: logging.Logger) -> Mapping[str, Any]:
    """The finished result in a store, said to be shown again: in the log, and in the run's events.

    Args:
        store: of a run that has finished.
        inputs: that are asked for now.
        what: was not done now, such as `trained`.
        log: the driver's.

    Raises:
        ConfigError: it was made of other inputs, each of which is named.
    """
    finished = begin(store, inputs, parts=())
    if finished is None:
        raise ConfigError([Fault("name", "its result has just been removed; start again")])
    result: Mapping[str, Any] = json.loads(finished)
    log.info("%s", shown_again(result, what))
    with EventRelay(store) as events:  # the hub is not told: the platform asks for the result itself
        say_shown_again(events, result, what)
    return result
