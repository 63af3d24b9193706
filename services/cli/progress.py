"""Progress of a run for people: bars on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from engine.metrics.registry import metric_named
from engine.run.earlier import todays_event
from engine.run.events import Event
from engine.run.shown import duration, rate, size

_PHASES = {
    "queued": "waiting in the queue",
    "starting": "starting workers",
    "running": "running",
    "fetching": "fetching the recordings",
    "reading": "reading and checking the recordings",
    "storing": "storing the version",
    "loading": "loading model and data",
    "selection_segmenting": "looking for speech",
    "selection_before": "scoring with the base model",
    "selection_warm_up": "warming up an adapter",
    "selection_after": "scoring after the warm-up",
    "selection_held_out": "testing the disagreement",
    "allocating": "allocating ranks",
    "evaluating_base": "evaluating the base model",
    "training": "training",
    "evaluating": "evaluating",
    "saving": "saving",
    "stopping": "stopping",
    "stopped": "stopped",
    "succeeded": "done",
    "failed": "failed",
    "done": "done",
}


class RunProgress:
    """Shows the events of a run; an `EventSink`, so that a run can write to it directly."""

    def __init__(self, console: Console | None = None, *, line_every_s: float = 5.0) -> None:
        self.console = console or Console(stderr=True)
        self.first_step_at: float | None = None
        """`time.monotonic()` at which the first training metric arrived."""
        self._line_every_s = line_every_s
        self._last_line = -math.inf  # not 0: the clock may have started less than `line_every_s` ago
        self._phase = ""
        self._figures = ""
        self._bars: Progress | None = None
        if self.console.is_terminal:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TextColumn("{task.fields[figures]}"),
                console=self.console,
            )
            self._task = self._bars.add_task("starting", total=1.0, figures="")

    def __enter__(self) -> RunProgress:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def emit(self, event: Event) -> None:
        """Show an event of the engine."""
        self.show(event.kind, event.data)

    def flush(self) -> None:
        """Nothing is buffered."""

    def show(self, kind: str, data: Mapping[str, Any]) -> None:
        """Show one event; unknown kinds and fields are ignored."""
        data = todays_event({"kind": kind, "data": data})["data"]
        if kind == "status":
            self._show_phase(str(data.get("phase") or data.get("status") or ""))
        elif kind == "metric" and "loss" in data:
            self._show_training(data)
        elif kind == "metric" and "items_read" in data:
            self._show_figures(float(data["progress"]), f"{data['items_read']:,} of {data['items_found']:,} items")
        elif kind == "metric" and "trials_ended" in data:
            self._show_figures(float(data["progress"]), trial_figures(data))
        elif kind == "metric" and "metrics" in data:
            self._show_evaluation(data)
        elif kind == "log":
            self._show_message(str(data.get("level", "")).lower(), str(data.get("message", "")))

    def _show_message(self, level: str, message: str) -> None:
        if level == "notice":
            self.console.print(message, markup=False, highlight=False, soft_wrap=True)
        elif level in {"warning", "error"}:
            self.console.print(f"{level}: {message}", markup=False, highlight=False, soft_wrap=True)

    def _show_phase(self, name: str) -> None:
        phase = _PHASES.get(name, name)
        if not phase or phase == self._phase:
            return
        self._phase = phase
        if self._bars is not None:
            self._bars.update(self._task, description=phase)
        else:
            self.console.print(phase, markup=False)

    def _show_training(self, data: Mapping[str, Any]) -> None:
        self.first_step_at = self.first_step_at or time.monotonic()
        self._show_figures(float(data.get("progress") or 0.0), training_figures(data))

    def _show_figures(self, progress: float, figures: str) -> None:
        now = time.monotonic()
        if self._bars is not None:
            self._bars.update(self._task, completed=progress, figures=figures)
        elif now - self._last_line >= self._line_every_s or progress >= 1.0:
            self._last_line = now
            self.console.print(f"  {progress:4.0%}  {figures}", markup=False)

    def _show_evaluation(self, data: Mapping[str, Any]) -> None:
        which = {"base": "base model", "tuned": "tuned model"}.get(str(data.get("which")), "model")
        primary = metric_named(str(data["primary"]))
        value = data["metrics"].get(primary.name)  # None: it was no number
        shown = "not measured" if value is None else primary.shown(float(value))
        told = f"  {which} on {data.get('split', 'test')}: {primary.title} {shown}"
        self.console.print(told, markup=False, highlight=False)


def training_figures(data: Mapping[str, Any]) -> str:
    """Step, loss, throughput, memory and time left of a training metric, in one line."""
    parts = [f"step {data['step']}", f"loss {float(data['loss']):.3f}"]
    if data.get("cost_per_s") is not None:
        parts.append(rate(float(data["cost_per_s"]), str(data["cost_unit"])))
    if data.get("peak_bytes") is not None:
        parts.append(f"peak {size(int(data['peak_bytes']))}")
    if data.get("eta_s") is not None:
        parts.append(f"{duration(float(data['eta_s']))} left")
    return "  ".join(parts)


def trial_figures(data: Mapping[str, Any]) -> str:
    """How many trials of a sweep have ended, and the best value so far, in one line."""
    told = f"{data['trials_ended']} of {data['trials']} trials"
    if data.get("best_value") is None:
        return told
    primary = metric_named(str(data["primary"]))
    return f"{told}, best {primary.title} {primary.shown(float(data['best_value']))}"
