"""One optimizer step: the gradients of its micro-batches, and the change of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from engine.config.training import TrainingConfig
from engine.errors import TrainingError
from engine.families.contract import AnyLearner
from engine.methods.contract import Method
from engine.process.out_of_memory import free_caches, in_short, is_out_of_memory
from engine.training.micro_batches import Step
from engine.training.optimizers import set_learning_rate
from engine.training.parallel import Parallel
from engine.training.randomness import generator_states, put_generator_states, unchanged_generators

_SAYS_MEMORY_RAN_OUT = (MemoryError, RuntimeError, OSError)


@dataclass(frozen=True, slots=True)
class Made:
    """A step that was made."""

    loss: float
    """Per target of the global batch."""
    gradient_norm: float
    """Before clipping."""
    cost: float
    """Of the examples, without padding."""


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """A step for which memory ran out on some worker. On all of them everything is as before the step."""

    found: str
    """What the allocator said."""


class Stepper:
    """Makes steps, together with the other workers."""

    def __init__(
        self,
        config: TrainingConfig,
        learner: AnyLearner,
        method: Method,
        parameters: Sequence[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.grad_scaler.GradScaler,
        parallel: Parallel,
        device: torch.device,
    ) -> None:
        self._config, self._learner, self._method = config, learner, method
        self._parameters, self._optimizer, self._scaler = parameters, optimizer, scaler
        self._parallel, self._device = parallel, device

    def set_learning_rate(self, rate: float) -> None:
        """Use this learning rate from now on; that of some parameters is a multiple of it."""
        set_learning_rate(self._optimizer, rate)

    def take(self, number: int, step: Step) -> Made | OutOfMemory:
        """Make a step, counted from 0.

        Raises:
            TrainingError: the loss is not finite, or the weights cannot be changed in the memory that there is.
        """
        self._prepare(number)
        generators = generator_states(self._device)
        found = self._accumulate(step.micro_batches, step.target_count)
        if isinstance(found, OutOfMemory):
            put_generator_states(generators, self._device)
            return found
        loss, cost = found
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss of step {number + 1} is {loss}; lower optimizer.learning_rate "
                f"(now {self._config.optimizer.learning_rate:g}), add schedule.warmup_steps or set precision: float32"
            )
        try:
            return Made(loss, self._update(), cost)
        except _SAYS_MEMORY_RAN_OUT as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingError(self._update_does_not_fit(number, error)) from error

    def try_out(self, number: int, batch: Callable[[], Any]) -> OutOfMemory | None:
        """Compute the gradients of a micro-batch and drop them, so that weights and random states stay as they are.

        Args:
            number: step, counted from 0, whose weights are trained.
            batch: reads the micro-batch.
        """
        self._prepare(number)
        with unchanged_generators(self._device):
            found = self._accumulate((batch() for _ in range(1)), 1)
        self._optimizer.zero_grad(set_to_none=True)
        return found if isinstance(found, OutOfMemory) else None

    def _prepare(self, number: int) -> None:
        """Drop old gradients, then let the method choose what is trained; it may add gradients of its own."""
        self._optimizer.zero_grad(set_to_none=True)
        self._method.before_step(number)

    def _accumulate(self, batches: Iterable[Any], target_count: int) -> tuple[float, float] | OutOfMemory:
        """Add up the gradients of this worker's micro-batches; return the loss per target and the cost of all workers'."""
        totals = torch.zeros(3, dtype=torch.float64)
        said = None
        try:
            for batch in batches:
                totals += self._add_gradients(batch, target_count)
        except _SAYS_MEMORY_RAN_OUT as error:
            if not is_out_of_memory(error):
                raise
            said = in_short(error)
            totals[2] = 1.0
        if self._parallel.world_size > 1:
            totals = self._parallel.sum_(totals.to(self._device)).cpu()
        loss_value, cost, failures = totals.tolist()
        if not failures:
            return loss_value, cost
        # Not in the handler: until it ends, the error's traceback holds the activations.
        self._optimizer.zero_grad(set_to_none=True)
        free_caches(self._device)
        return OutOfMemory(self._said_by(said))

    def _add_gradients(self, batch: Any, target_count: int) -> torch.Tensor:
        """Add those of one micro-batch; return its part of the totals. Its activations live no longer than this call."""
        loss_sum, _ = self._learner.loss(batch)
        loss = loss_sum / target_count
        self._scaler.scale(loss).backward()
        return torch.tensor([loss.item(), batch.cost, 0.0], dtype=torch.float64)

    def _said_by(self, said: str | None) -> str:
        if self._parallel.world_size == 1:
            return str(said)
        every = enumerate(self._parallel.gather_json(said))
        return "; ".join(f"worker {rank}: {each}" for rank, each in every if each is not None)

    def _update(self) -> float:
        """Change the weights by the gradients of all workers; return the gradients' norm before clipping."""
        trained = [parameter for parameter in self._parameters if parameter.requires_grad]
        self._parallel.sum_gradients(trained)
        self._scaler.unscale_(self._optimizer)
        norm = float(nn.utils.clip_grad_norm_(trained, self._config.max_grad_norm or math.inf))
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return norm

    def _update_does_not_fit(self, number: int, error: BaseException) -> str:
        lighter = self._config.optimizer.lighter()
        change = f"set optimizer.type to {lighter.type}, " if lighter is not None else ""
        return (
            f"memory ran out when step {number + 1} changed the weights ({in_short(error)}); smaller micro-batches do not "
            f"help there: {change}train fewer weights or use workers with more memory"
        )
