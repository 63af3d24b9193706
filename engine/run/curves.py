"""Plot loss, learning rate and the primary metric of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.metrics.registry import metric_named
from engine.run.earlier import todays_event
from engine.run.store import RunStore


def read_events(store: RunStore) -> list[dict[str, Any]]:
    """A run's events from its store, in order, each key once."""
    events: dict[str, dict[str, Any]] = {}
    for key in store.list("events"):
        for line in store.get_bytes(key).decode().splitlines():
            if line.strip():
                event = todays_event(json.loads(line))
                events.setdefault(event["key"], event)
    return list(events.values())


def draw_curves(store: RunStore, target: Path) -> bool:
    """Plot a run's curves to a PNG; False if the run has no metrics."""
    metrics = [e["data"] for e in read_events(store) if e["kind"] == "metric"]
    training = sorted((m for m in metrics if "loss" in m), key=lambda m: m["step"])
    validation = sorted((m for m in metrics if m.get("split") == "validation"), key=lambda m: m["step"])
    if not training:
        return False
    import matplotlib as mpl  # slow to import, and most processes draw nothing

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = 3 if validation else 2
    figure, axes = plt.subplots(rows, 1, figsize=(8, 2.6 * rows), sharex=True, layout="constrained")
    steps = [m["step"] for m in training]
    axes[0].plot(steps, [m["loss"] for m in training])
    axes[0].set_ylabel("training loss per target")
    axes[0].set_yscale("log")
    axes[1].plot(steps, [m["learning_rate"] for m in training])
    axes[1].set_ylabel("learning rate")
    if validation:
        primary = metric_named(validation[-1]["primary"])
        values = [primary.scale * m["metrics"][primary.name] for m in validation]
        axes[2].plot([m["step"] for m in validation], values, marker="o")
        axes[2].set_ylabel(f"validation {primary.axis}")
        axes[2].set_ylim(bottom=0)
    axes[-1].set_xlabel("optimizer step")
    for axis in axes:
        axis.grid(alpha=0.3)
    figure.savefig(target, dpi=120)
    plt.close(figure)
    return True
