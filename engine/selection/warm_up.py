"""The short trainings of a selection: the engine's training loop on a part of the segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.config.training import CheckpointConfig, ConstantConfig, EvaluationConfig, TrainingConfig
from engine.data.example import Utterance
from engine.errors import ConfigError, Fault
from engine.families.binding import Bound
from engine.methods.build import build_method
from engine.run.events import Event, EventSink
from engine.run.store import RunStore
from engine.training.checkpoints import Checkpoints
from engine.training.loop import Progress, TrainingLoop
from engine.training.parallel import SINGLE
from engine.training.step_down import StepDowns


@dataclass(frozen=True, slots=True)
class AsLog:
    """Forwards the events of a short training as log lines, so that none counts as a metric of the run."""

    sink: EventSink
    name: str

    def emit(self, event: Event) -> None:
        """Forward an event."""
        data = event.data
        message = data.get("message") or f"step {data['step']} of {data['total_steps']}, loss {data['loss']:.4f}"
        told = {"level": "info", "message": f"{self.name}: {message}"}
        self.sink.emit(Event("log", f"selection/{self.name}/{event.key}", told, event.time))

    def flush(self) -> None:
        """Flush the underlying sink."""
        self.sink.flush()


def attach(bound: Bound, training: TrainingConfig) -> Any:
    """The base with a fresh adapter, which has no effect until it is trained.

    Raises:
        ConfigError: the method has no adapter.
    """
    if training.method.output != "adapter":
        message = f"found {training.method.type}; scores after a warm-up need an adapter: qlora or lora"
        raise ConfigError([Fault("training.method.type", message)])
    torch.manual_seed(training.seed)
    adapted = build_method(training.method).attach(bound.base, bound.reference)
    if training.gradient_checkpointing:
        bound.checkpoint_activations()
    return adapted


def brief(training: TrainingConfig, steps: int | None, epochs: float | None = None) -> TrainingConfig:
    """A run's config for a short training: a constant learning rate, no evaluation.

    Label smoothing is off: it raises the loss of known segments and lowers that of unknown ones, which would distort
    the measured drop of the loss (docs/LOG.md).
    """
    warmup_steps = min(training.schedule.warmup_steps, (steps or 0) // 5)
    return training.model_copy(
        update={
            "max_steps": steps,
            "epochs": epochs,
            "schedule": ConstantConfig(warmup_steps=warmup_steps),
            "evaluation": EvaluationConfig(base=False),
            "checkpoint": CheckpointConfig(every_steps=training.checkpoint.every_steps),
            "label_smoothing": 0.0,
        }
    )


def train_briefly(
    adapted: Any,
    bound: Bound,
    config: TrainingConfig,
    utterances: Sequence[Utterance],
    folder: Path,
    *,
    store: RunStore,
    events: EventSink,
    fingerprint: str,
    should_stop: Callable[[], bool],
) -> Progress:
    """Train the adapter in place; a second call with the same store resumes from the newest checkpoint.

    Args:
        adapted: from `attach`; in evaluation mode afterwards.
        bound: the adapter's base with its task.
        config: from `brief`.
        utterances: the training data.
        folder: of the dataset version.
        store: keeps the checkpoints.
        events: receives the training's events.
        fingerprint: distinguishes trainings with different inputs.
        should_stop: polled after each step; true saves a checkpoint and ends the training.

    Raises:
        TrainingError: the loss is not finite.
    """
    bound = bound.with_config(config)
    loop = TrainingLoop(
        config,
        model=adapted,
        learner=bound.learner,
        method=build_method(config.method),
        train=utterances,
        folder=folder,
        checkpoints=Checkpoints(store, config.checkpoint.keep),
        step_downs=StepDowns(bound, config, store, events, SINGLE),
        events=events,
        parallel=SINGLE,
        device=bound.device,
        dtype=bound.dtype,
        fingerprint=fingerprint,
        validation=None,
        should_stop=should_stop,
    )
    loop.run()
    adapted.eval()
    return loop.progress
