"""How a run was made to fit into memory: its step-downs, and the kills that caused some of them. Does not import torch.

Both are files of the run, so that a resumed run continues as it ended. They are not part of a run's inputs: they change
memory and speed, not the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from engine.errors import ObjectNotFoundError
from engine.run.store import RunStore

STEP_DOWNS_KEY: Final = "step_downs.json"
MEMORY_KILLS_KEY: Final = "memory_kills.json"


class StepDown(BaseModel):
    """A decision to compute the same global batch with less memory."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    when: Literal["warm_up", "step", "killed"]
    """What did not fit: the largest micro-batch, tried before the first step; a step; or a worker was killed for memory."""
    step: int
    """The step that was then computed (again), counted from 1."""
    found: str
    """What the allocator, Ray or the kernel said."""
    micro_batch_cost_before: float
    """Largest cost of a micro-batch until then, in the task's unit."""
    micro_batch_cost: float
    """Largest cost of a micro-batch from then on."""
    gradient_checkpointing: bool
    """Whether activations were recomputed in the backward pass from then on."""

    def sentence(self, unit: str) -> str:
        """The decision for people.

        Args:
            unit: of costs.
        """
        at = {
            "warm_up": f"memory ran out for the largest micro-batch, which is tried before step {self.step}",
            "step": f"memory ran out in step {self.step}",
            "killed": f"a worker was killed for memory; the run goes on with step {self.step}",
        }[self.when]
        if self.micro_batch_cost < self.micro_batch_cost_before:
            change = f"micro-batches have at most {self.micro_batch_cost:g} instead of {self.micro_batch_cost_before:g} {unit}"
        else:
            change = "activations are recomputed in the backward pass (gradient_checkpointing)"
        return f"{at} ({self.found}): from now on {change}; the global batch stays the same"


class MemoryKill(BaseModel):
    """A training worker that was killed for memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int
    found: str
    """How that is known."""


_STEP_DOWNS: Final = TypeAdapter(list[StepDown])
_KILLS: Final = TypeAdapter(list[MemoryKill])


def read_step_downs(store: RunStore) -> list[StepDown]:
    """A run's step-downs, in order."""
    return _STEP_DOWNS.validate_json(_content(store, STEP_DOWNS_KEY))


def write_step_downs(store: RunStore, step_downs: Sequence[StepDown]) -> None:
    """Store a run's step-downs."""
    store.put_bytes(STEP_DOWNS_KEY, _STEP_DOWNS.dump_json(list(step_downs), indent=1))


def read_kills(store: RunStore) -> list[MemoryKill]:
    """The kills of a run's workers, in order. Each is answered by one step-down of kind `killed`."""
    return _KILLS.validate_json(_content(store, MEMORY_KILLS_KEY))


def add_kill(store: RunStore, kill: MemoryKill) -> None:
    """Record a kill, so that the restarted workers step down."""
    store.put_bytes(MEMORY_KILLS_KEY, _KILLS.dump_json([*read_kills(store), kill], indent=1))


def _content(store: RunStore, key: str) -> bytes:
    try:
        return store.get_bytes(key)
    except ObjectNotFoundError:
        return b"[]"
