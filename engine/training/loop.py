"""The training loop of every task and method."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import nn

from engine.config.training import TrainingConfig
from engine.data.batching import Batch, BatchOrder, Costs, Position
from engine.data.example import AnyExample
from engine.data.planning import steps_of_epochs
from engine.errors import CheckpointError, ConfigError, Fault, TrainingError
from engine.families.contract import AnyLearner, PadsSomeWhole
from engine.methods.contract import Method, ScalesRates
from engine.metrics.registry import Metric
from engine.process.peak_memory import peak_bytes
from engine.run.earlier import todays_progress
from engine.run.events import Event, EventSink
from engine.training.averaging import WeightAverage
from engine.training.checkpoints import Checkpoint, Checkpoints
from engine.training.micro_batches import MicroBatching, Piece, Step
from engine.training.optimizers import build_optimizer, restore_state, state_tensors
from engine.training.parallel import Parallel
from engine.training.prefetch import Prefetcher
from engine.training.randomness import gather_generators, restore_generators, seed_worker
from engine.training.schedules import Schedule
from engine.training.step_down import StepDowns
from engine.training.stepper import OutOfMemory, Stepper

_LARGEST_OF = 10_000  # batches that are searched for the largest micro-batch
_STOP_CHECK_STEPS = 5  # with several workers each check costs one all-reduce


@dataclass(frozen=True, slots=True)
class Validation:
    """How a run is judged while it trains."""

    primary: Metric
    measure: Callable[[int], float]
    """The primary metric on the validation examples after this step."""


class Decider(Protocol):
    """Decides after some validations whether a run of one worker goes on, as a search does that compares runs."""

    def is_due(self) -> bool:
        """Whether the validation that was just made is one of them; a checkpoint is then written before the decision."""
        ...

    def decide(self) -> None:
        """Return if the run goes on; otherwise do not return: raise what ends the run, which may resume later."""
        ...


@dataclass
class Progress:
    """Counters that a checkpoint restores."""

    step: int = 0
    cost: float = 0.0
    """Cost of the examples so far, in the task's unit."""
    training_s: float = 0.0
    best_metric: float | None = None
    """Best value of the primary metric in an evaluation."""
    evaluations_without_gain: int = 0
    stopped_early: bool = False
    window_losses: list[float] | None = None
    """Loss of each step since the last metric event."""


def planned_steps(config: TrainingConfig, costs: Costs) -> int:
    """Number of optimizer steps of a run on examples of these costs."""
    if config.max_steps is not None:
        return config.max_steps
    return steps_of_epochs(config, BatchOrder(costs, config.batch, seed=config.seed).steps_per_epoch())


class TrainingLoop:
    """Trains the parameters of `model` that require a gradient.

    A step's gradient is that of the loss summed over all targets of the global batch, divided once by their number. It
    does not depend on how the batch is split into micro-batches and among workers.

    Before the first step, and after a resume, the largest micro-batch of a pass runs forward and backward once, so that a
    run that does not fit into memory steps down then. When memory runs out later, all workers drop the step's gradients,
    step down (`engine.training.step_down`), and compute the step again from the same random state.
    """

    def __init__(
        self,
        config: TrainingConfig,
        *,
        model: nn.Module,
        learner: AnyLearner,
        method: Method,
        train: Sequence[AnyExample],
        folder: Path,
        checkpoints: Checkpoints,
        step_downs: StepDowns,
        events: EventSink,
        parallel: Parallel,
        device: torch.device,
        dtype: torch.dtype,
        fingerprint: str,
        validation: Validation | None,
        should_stop: Callable[[], bool],
        decider: Decider | None = None,
    ) -> None:
        self._config, self._model, self._learner = config, model, learner
        self._costs = Costs(learner.costs(train), learner.padded_costs(train))
        self._micro_batching = MicroBatching(
            learner,
            train,
            folder,
            costs=self._costs,
            limit=config.batch.micro_batch_cost,
            parallel=parallel,
            seed=config.seed,
        )
        self._checkpoints, self._step_downs = checkpoints, step_downs
        self._events, self._parallel = events, parallel
        self._device = device
        self._fingerprint = fingerprint
        self._validation, self._should_stop, self._decider = validation, should_stop, decider
        self._weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._parameters = list(self._weights.values())
        factors = [method.rate_factor(name) if isinstance(method, ScalesRates) else 1.0 for name in self._weights]
        self._optimizer = build_optimizer(config.optimizer, self._parameters, factors)
        self._scaler = torch.amp.grad_scaler.GradScaler(device.type, enabled=dtype == torch.float16)
        self._stepper = Stepper(
            config, learner, method, self._parameters, self._optimizer, self._scaler, parallel, device
        )
        self._average = WeightAverage(self._weights, config.ema_decay) if config.ema_decay else None
        self._best: dict[str, torch.Tensor] | None = None
        self.progress = Progress()
        self.total_steps = planned_steps(config, self._costs)
        if faults := config.cadence_faults(self.total_steps):  # the config does not know the steps of `epochs`
            raise ConfigError([Fault(f"training.{fault.path}", fault.message) for fault in faults])
        self._schedule = Schedule(config.schedule, self.total_steps)

    def run(self) -> Literal["finished", "stopped"]:
        """Train to the end, or until `should_stop` returns true; write a checkpoint in both cases."""
        position = self._resume()
        outcome = self._run_from(position)
        if outcome == "finished" and self._best is not None:
            self._put_weights(self._best)
        elif self._average is not None:
            self._put_weights(self._average.tensors)
        return outcome

    def _run_from(self, position: Position) -> Literal["finished", "stopped"]:
        if self.progress.step >= self.total_steps or self.progress.stopped_early:
            return "finished"
        self._model.train()
        self._make_room()
        outcome: Literal["finished", "stopped"] | Position = position
        while isinstance(outcome, Position):
            order = self._order(outcome)
            with Prefetcher(order, self._micro_batching, self._step_downs.micro_batch_cost) as steps:
                outcome = self._steps(steps)
        return outcome

    def _steps(self, steps: Iterable[Step]) -> Literal["finished", "stopped"] | Position:
        """Train until the run ends, or memory runs out; the position is that of the step to compute again."""
        progress, config = self.progress, self._config
        for step in steps:
            started = time.perf_counter()
            self._stepper.set_learning_rate(config.optimizer.learning_rate * self._schedule.factor(progress.step))
            made = self._stepper.take(progress.step, step)
            if isinstance(made, OutOfMemory):
                pieces = self._micro_batching.pieces(step.batch, self._step_downs.micro_batch_cost)
                self._lower("step", made.found, pieces)
                return step.batch.position
            progress.step += 1
            if self._average is not None:
                self._average.add(progress.step)
            progress.cost += made.cost
            progress.training_s += time.perf_counter() - started
            progress.window_losses = [*(progress.window_losses or []), made.loss]
            last = progress.step >= self.total_steps
            if progress.step % config.log_every_steps == 0 or last:
                self._report(step, made.gradient_norm)
            every = config.evaluation.every_steps
            if self._validation and every and (progress.step % every == 0 or last):
                self._evaluate(self._validation)
                self._model.train()
                last = last or progress.stopped_early
            stop = not last and self._is_stopped()
            due = not last and self._decider is not None and self._decider.is_due()
            if last or stop or due or progress.step % config.checkpoint.every_steps == 0:
                self._save(step.after)
            if due and self._decider is not None:
                self._decider.decide()
            if last:
                return "finished"
            if stop:
                return "stopped"
        raise TrainingError("the order of batches ended before the run did")

    # ---- memory --------------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Step down until the largest micro-batch of a pass fits into memory."""
        while self._step_downs.unanswered:
            self._lower("killed", self._step_downs.unanswered[0].found)
        while (failure := self._try_largest()) is not None:
            self._lower("warm_up", failure.found)

    def _try_largest(self) -> OutOfMemory | None:
        """Compute the largest micro-batch, as every worker does, and drop its gradients."""
        batch, piece = self._largest()
        # A method that trains more and more needs most memory in the last step.
        return self._stepper.try_out(self.total_steps - 1, lambda: self._micro_batching.collate(batch, piece))

    def _largest(self) -> tuple[Batch, Piece]:
        """Of the first pass over all examples, as far as the run gets."""
        short = self._config.batch.short_first_steps
        start = short if short < self.total_steps else 0
        order = self._order(Position(start))
        steps = min(self.total_steps - start, order.steps_per_epoch(), _LARGEST_OF)
        batches = (order.next() for _ in range(steps))
        return self._micro_batching.largest(batches, self._step_downs.micro_batch_cost)

    def _lower(self, when: Literal["warm_up", "step", "killed"], found: str, pieces: Sequence[Piece] = ()) -> None:
        self._step_downs.lower(when, self.progress.step + 1, found, [self._largest()[1], *pieces])

    def _report(self, step: Step, gradient_norm: float) -> None:
        progress = self.progress
        losses = progress.window_losses or [math.nan]
        progress.window_losses = None
        if not self._parallel.is_first:
            return
        per_step_s = progress.training_s / progress.step
        data: dict[str, Any] = {
            "step": progress.step,
            "total_steps": self.total_steps,
            "epoch": round(step.batch.epoch, 4),
            "progress": progress.step / self.total_steps,
            "loss": sum(losses) / len(losses),
            "step_losses": losses,
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "grad_norm": gradient_norm,
            "cost_per_s": progress.cost / progress.training_s,
            "cost_unit": self._learner.cost_unit,
            "eta_s": per_step_s * (self.total_steps - progress.step),
            "peak_bytes": peak_bytes(self._device),
        }
        self._events.emit(Event("metric", f"train/{progress.step}", data))

    def _evaluate(self, validation: Validation) -> None:
        progress, evaluation = self.progress, self._config.evaluation
        self._model.eval()
        with self._average.applied() if self._average is not None else contextlib.nullcontext():
            value = validation.measure(progress.step)
            improved = validation.primary.improves(value, progress.best_metric)
            self._schedule.evaluated(improved=improved)
            if improved:
                progress.best_metric, progress.evaluations_without_gain = value, 0
                if evaluation.keep == "best":
                    self._best = {name: p.detach().clone() for name, p in self._weights.items()}
                return
        progress.evaluations_without_gain += 1
        patience = evaluation.early_stopping_patience
        progress.stopped_early = bool(patience) and progress.evaluations_without_gain >= patience

    def _is_stopped(self) -> bool:
        if self._parallel.world_size > 1 and self.progress.step % _STOP_CHECK_STEPS:
            return False
        return self._parallel.any(self._should_stop())

    def _order(self, position: Position) -> BatchOrder:
        learner = self._learner
        return BatchOrder(
            self._costs,
            self._config.batch,
            seed=self._config.seed,
            position=position,
            whole_window_share=learner.whole_window_share if isinstance(learner, PadsSomeWhole) else 0.0,
        )

    # ---- checkpoints ---------------------------------------------------------------------------------------

    def _save(self, position: Position) -> None:
        generators = gather_generators(self._parallel, self._device)
        if not self._parallel.is_first:
            return
        # A resumed run does not repeat events from before its checkpoint, so those must be stored first.
        self._events.flush()
        optimizer_tensors, optimizer_scalars = state_tensors(self._optimizer)
        tensors: dict[str, dict[str, torch.Tensor]] = {
            "weights": dict(self._weights),
            "optimizer": optimizer_tensors,
            "random": generators,
        }
        if self._average is not None:
            tensors["average"] = self._average.tensors
        if self._best is not None:
            tensors["best"] = self._best
        state = {
            "fingerprint": self._fingerprint,
            "workers": self._parallel.world_size,
            "position": {"step": position.step, "epoch": position.epoch, "index": position.index},
            "progress": vars(self.progress),
            "schedule": self._schedule.state(),
            "optimizer": optimizer_scalars,
            "scaler": self._scaler.state_dict(),
        }
        self._checkpoints.save(Checkpoint(self.progress.step, tensors, state))
        self._say("info", f"checkpoint/{self.progress.step}", f"checkpoint at step {self.progress.step}")

    def _resume(self) -> Position:
        checkpoint = self._checkpoints.load_newest_of_all(self._parallel)
        if checkpoint is None:
            return Position()
        if checkpoint.state["fingerprint"] != self._fingerprint:
            raise CheckpointError(
                "the checkpoints in this run's store come from another config, model or dataset; "
                "give the run another name or storage, or the config that it began with"
            )
        self._put_weights(checkpoint.tensors["weights"])
        restore_state(self._optimizer, checkpoint.tensors["optimizer"], checkpoint.state["optimizer"])
        if self._average is not None:
            self._average.restore(checkpoint.tensors["average"])
        if "best" in checkpoint.tensors:
            self._best = {n: t.to(self._device) for n, t in checkpoint.tensors["best"].items()}
        self._schedule.restore(checkpoint.state["schedule"])
        if checkpoint.state["scaler"]:
            self._scaler.load_state_dict(checkpoint.state["scaler"])
        self.progress = Progress(**todays_progress(checkpoint.state["progress"]))
        self._restore_generators(checkpoint)
        self._say("info", f"resumed/{self.progress.step}", f"resumed from the checkpoint at step {self.progress.step}")
        return Position(**checkpoint.state["position"])

    def _restore_generators(self, checkpoint: Checkpoint) -> None:
        before, now = checkpoint.state["workers"], self._parallel.world_size
        if before == now:
            restore_generators(checkpoint.tensors["random"], self._parallel, self._device)
            return
        seed_worker(self._config.seed, self._parallel, checkpoint.step)
        self._say(
            "warning",
            f"workers-changed/{checkpoint.step}",
            f"the run resumes with {now} workers from a checkpoint of {before}: from step {checkpoint.step + 1} on, "
            "dropout masks and rounding differ from those of an uninterrupted run",
        )

    def _say(self, level: Literal["info", "warning"], key: str, message: str) -> None:
        if self._parallel.is_first:
            self._events.emit(Event("log", key, {"level": level, "message": message}))

    def _put_weights(self, tensors: dict[str, torch.Tensor]) -> None:
        if tensors.keys() != self._weights.keys():
            raise CheckpointError("the checkpoint's weights have other names than the model's; give the run a new name")
        with torch.no_grad():
            for name, parameter in self._weights.items():
                parameter.copy_(tensors[name])
