"""Write a run's progress into the driver's log, from the run's events."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from cluster.event_relay import EVENTS_PREFIX
from engine.errors import StorageError
from engine.metrics.registry import headline_first
from engine.run.earlier import todays_event
from engine.run.shown import duration, rate
from engine.run.store import RunStore

_LOOK_S: Final = 2.0
_STEP_LINES_S: Final = 5.0
_PHASES: Final = {
    "loading": "loading model and data",
    "allocating": "allocating ranks to layers",
    "evaluating_base": "measuring the base model on the test split",
    "training": "training",
    "evaluating": "measuring what was trained on the test split",
    "saving": "saving",
}


class Narrator:
    """Reads new parts under `events/` and logs every phase and evaluation, and a training step every few seconds."""

    def __init__(self, store: RunStore, log: logging.Logger) -> None:
        """A narrator of new events; existing ones are skipped."""
        self._store = store
        self._log = log
        self._read: set[str] = set(store.list(EVENTS_PREFIX))
        self._next_look = 0.0
        self._next_step_line = 0.0
        self.has_begun = False
        """Whether a worker has emitted an event yet."""

    def look(self, now: bool = False) -> None:
        """Log new events; reads at most every few seconds, unless forced by `now`."""
        if not now and time.monotonic() < self._next_look:
            return
        try:
            for key in self._store.list(EVENTS_PREFIX):
                if key not in self._read:
                    self._tell_part(self._store.get_bytes(key))
                    self._read.add(key)
        except StorageError as error:
            self._log.warning("the run's events cannot be read now: %s", error)
        self._next_look = time.monotonic() + _LOOK_S

    def _tell_part(self, part: bytes) -> None:
        self.has_begun = True
        for line in part.splitlines():
            event = todays_event(json.loads(line))
            data = event["data"]
            match event["kind"]:
                case "status" if data.get("phase") in _PHASES:
                    self._log.info("%s", _PHASES[data["phase"]])
                case "metric" if "resources" in data:
                    pass  # for curves
                case "metric" if "split" in data:
                    self._log.info("%s", evaluation_line(data))
                case "metric" if time.monotonic() >= self._next_step_line or data.get("progress") == 1.0:
                    self._log.info("%s", step_line(data))
                    self._next_step_line = time.monotonic() + _STEP_LINES_S
                case "log":
                    level = logging.getLevelNamesMapping().get(str(data.get("level", "info")).upper(), logging.INFO)
                    self._log.log(level, "%s", data.get("message", ""))


def step_line(data: Mapping[str, Any]) -> str:
    """A line for a training metric, with the fields that it has."""
    parts = [f"step {data['step']}" + (f"/{data['total_steps']}" if "total_steps" in data else "")]
    for name, form in (("loss", "loss {:.4f}"), ("learning_rate", "lr {:.2e}")):
        if isinstance(data.get(name), int | float):
            parts.append(form.format(data[name]))
    if isinstance(data.get("cost_per_s"), int | float):
        parts.append(rate(data["cost_per_s"], str(data["cost_unit"])))
    if isinstance(data.get("peak_bytes"), int | float):
        parts.append(f"{data['peak_bytes'] / 2**20:.0f} MiB")
    if isinstance(data.get("eta_s"), int | float):
        parts.append(f"{duration(data['eta_s'])} left")
    return "  ".join(parts)


def evaluation_line(data: Mapping[str, Any]) -> str:
    """A line for an evaluation metric."""
    shown = [
        f"{metric.title} {metric.shown(value)}" for metric, value in headline_first(data["metrics"], data["primary"])
    ]
    who = f"{data.get('which', '')} on {data['split']}".strip()
    return f"{who}: {', '.join(shown)}" + (f" at step {data['step']}" if data.get("step") else "")
