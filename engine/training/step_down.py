"""Compute the same global batch with less memory, each time that memory runs out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from engine.config.training import TrainingConfig
from engine.errors import TrainingError
from engine.families.binding import Bound
from engine.run.events import Event, EventSink
from engine.run.step_downs import MemoryKill, StepDown, read_kills, read_step_downs, write_step_downs
from engine.run.store import RunStore
from engine.training.micro_batches import Piece
from engine.training.parallel import Parallel


class StepDowns:
    """The limit of a run's micro-batches and whether it checkpoints activations, as far as memory has lowered them.

    First the limit halves, until every micro-batch is one example, or one run of examples that the loss compares. Then
    activations are recomputed in the backward pass, if the model can. Neither changes the examples of a step: the loss is
    summed over its targets and divided once by their number, so losses and weights stay the same except for rounding
    (a relative 1e-4 in float32 is safe). With dropout, a halved micro-batch draws other masks: the losses are then those
    of another draw, as with another number of workers. Recomputed activations draw the same masks.

    All workers hold the same state: each lowers it when any of them ran out of memory.
    """

    def __init__(
        self, bound: Bound, config: TrainingConfig, store: RunStore, events: EventSink, parallel: Parallel
    ) -> None:
        """The state that the run's store holds; recomputes activations from now on if that was decided.

        Args:
            bound: the base, with what is trained attached.
            config: of the run.
            store: of the run's files.
            events: receives each step-down.
            parallel: this worker's rank; every worker must call this.
        """
        self._bound, self._config, self._store, self._events = bound, config, store, events
        self._parallel = parallel
        kept: list[StepDown] = []
        kills: list[MemoryKill] = []
        if parallel.is_first:
            kept, kills = read_step_downs(store), read_kills(store)
        kept_json, kills_json = parallel.gather_json(
            [[each.model_dump() for each in kept], [each.model_dump() for each in kills]]
        )[0]
        self.all = [StepDown.model_validate(each) for each in kept_json]
        """The step-downs so far, in order."""
        answered = sum(each.when == "killed" for each in self.all)
        self.unanswered = [MemoryKill.model_validate(each) for each in kills_json][answered:]
        """Kills of workers for memory since the last step-down."""
        self.micro_batch_cost = self.all[-1].micro_batch_cost if self.all else config.batch.micro_batch_cost
        self.gradient_checkpointing = config.gradient_checkpointing
        if self.all and self.all[-1].gradient_checkpointing and not config.gradient_checkpointing:
            self._checkpoint_activations()

    def lower(self, when: Literal["warm_up", "step", "killed"], step: int, found: str, pieces: Sequence[Piece]) -> None:
        """Step down once. Every worker must call this, with the same arguments.

        Args:
            when: what did not fit.
            step: that is computed next, counted from 1.
            found: what the allocator, Ray or the kernel said.
            pieces: micro-batches that the limit must divide, of all workers.

        Raises:
            TrainingError: nothing is left to change.
        """
        before = self.micro_batch_cost
        divisible = [piece.cost for piece in pieces if piece.parts > 1]
        if divisible:
            self.micro_batch_cost = min(before, max(divisible)) / 2
        elif not self.gradient_checkpointing and self._bound.can_checkpoint_activations:
            self._checkpoint_activations()
        else:
            raise TrainingError(self._exhausted(step, found))
        made = StepDown(
            when=when,
            step=step,
            found=found,
            micro_batch_cost_before=before,
            micro_batch_cost=self.micro_batch_cost,
            gradient_checkpointing=self.gradient_checkpointing,
        )
        self.all.append(made)
        if when == "killed":
            self.unanswered = self.unanswered[1:]
        if self._parallel.is_first:
            write_step_downs(self._store, self.all)
            message = made.sentence(self._bound.learner.cost_unit)
            data = {"level": "warning", "message": message, "memory_stepped_down": made.model_dump()}
            self._events.emit(Event("log", f"memory_stepped_down/{len(self.all)}", data))

    def _checkpoint_activations(self) -> None:
        self._bound.checkpoint_activations()
        self.gradient_checkpointing = True

    def _exhausted(self, step: int, found: str) -> str:
        config, unit = self._config, self._bound.learner.cost_unit
        costs = [config.batch.micro_batch_cost, *(each.micro_batch_cost for each in self.all)]
        tried = ", ".join(f"{cost:g}" for cost in dict.fromkeys(costs))
        told = f"step {step} does not fit into memory ({found}). Tried: micro-batches of {tried} {unit}, down to one example"
        if self.gradient_checkpointing:
            told += "; gradient_checkpointing"
        else:
            told += "; gradient_checkpointing is not possible with this model"
        changes = ["leave out the longest examples", "use workers with more memory"]
        if (lighter := config.optimizer.lighter()) is not None:
            changes.append(f"set optimizer.type to {lighter.type}")
        if config.method.four_bit is None:
            changes.append("set method.type to qlora")
        return f"{told}. What helps: {', '.join(changes[:-1])} or {changes[-1]}"
