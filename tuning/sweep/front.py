"""Pareto fronts of quality against memory and against trained parameters, and their picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from engine.metrics.registry import metric_named
from tuning.sweep.trials import TrialResult

Cost = Literal["peak_bytes", "trainable_parameters"]
COSTS: Final[tuple[Cost, ...]] = ("peak_bytes", "trainable_parameters")
PICTURE: Final = "pareto.png"
_AXES: Final[dict[Cost, tuple[str, float]]] = {
    "peak_bytes": ("peak memory (MiB)", 2.0**-20),
    "trainable_parameters": ("trainable parameters", 1.0),
}


def front(trials: Sequence[TrialResult], cost: Cost) -> list[int]:
    """Numbers of the trials that no other one beats: none is at least as good and as cheap, and better in one of both.

    Only trials that trained to their end count: the others might have become better. Cheapest first.
    """
    found: list[int] = []
    best = math.inf
    for _, loss, number in sorted(_points(trials, cost)):
        if loss < best:
            found.append(number)
            best = loss
    return found


def fronts(trials: Sequence[TrialResult]) -> dict[Cost, list[int]]:
    """The front against each cost."""
    return {cost: front(trials, cost) for cost in COSTS}


def draw_fronts(trials: Sequence[TrialResult], target: Path) -> bool:
    """Draw quality against each cost to a PNG; False if no trial has trained to its end."""
    shown = [trial for trial in trials if trial.state == "finished" and trial.primary and trial.value is not None]
    if not shown:
        return False
    from matplotlib.figure import Figure  # slow to import, and most processes draw nothing

    metric = metric_named(shown[0].primary or "")
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axis, cost in zip(figure.subplots(1, len(COSTS)), COSTS, strict=True):
        label, scale = _AXES[cost]
        places = {each.number: (scale * (getattr(each, cost) or 0), metric.scale * (each.value or 0)) for each in shown}
        on_front = [places[number] for number in front(shown, cost)]
        axis.plot(*zip(*on_front, strict=True), drawstyle="steps-post", color="tab:orange", zorder=1)
        axis.scatter(*zip(*places.values(), strict=True), color="tab:blue", s=24, zorder=2)
        axis.scatter(*zip(*on_front, strict=True), color="tab:orange", s=40, zorder=3, label="Pareto front")
        for number, place in places.items():
            axis.annotate(f"{number}", place, xytext=(4, 4), textcoords="offset points", fontsize=8)
        axis.set_xlabel(label)
        axis.set_ylabel(f"validation {metric.axis}")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.suptitle("Trials by number: quality against what they cost", fontsize=10)
    figure.savefig(target, format="png", dpi=120)
    return True


def _points(trials: Sequence[TrialResult], cost: Cost) -> list[tuple[float, float, int]]:
    points = []
    for trial in trials:
        spent = getattr(trial, cost)
        if trial.state == "finished" and trial.primary and trial.value is not None and spent is not None:
            loss = trial.value if metric_named(trial.primary).better == "lower" else -trial.value
            if not math.isnan(loss):
                points.append((float(spent), loss, trial.number))
    return points
