"""The configs of allocations by a sketch of the gradient, and of their shuffled control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from engine.config.allocations.base import AllocationFields
from engine.errors import Fault
from engine.families.registry import PartName

BudgetUnit = Literal["average_rank", "parameters", "bytes"]
_DEFAULT_CAP: Final = "unset, which is probe_rank"


class SketchFields(AllocationFields):
    """Common fields of the allocation by a sketch and of its control.

    A layer's next rank is worth `weight * singular_value ** power / cost`, where the singular values are those of the
    gradient of the layer's weights at the base, and the cost is that of one rank. The most valuable ranks are taken
    until the budget is spent.
    """

    budget: Annotated[float, Field(gt=0.0, le=1e13)] | None = None
    """What all adapters together may use, in `unit`; unset: as many parameters as the method's rank in every layer."""
    unit: BudgetUnit = "average_rank"
    """Unit of the budget and of costs: the parameters of that rank in every layer, a number of parameters, or bytes of
    memory in training: weights, gradients, optimizer states, copies of weights, and the activations between an adapter's
    two matrices."""
    weights: Annotated[dict[PartName, Annotated[float, Field(ge=0.0, le=1e6)]], Field(max_length=20)] = {}
    """Factor on the value of ranks in a part of the model; 1 for parts that are not named. With 0, its layers get the
    floor only."""
    power: Annotated[float, Field(gt=0.0, le=4.0)] = 1.0
    """Exponent of the singular values: a larger one follows the largest of them, a smaller one the costs."""
    floor: Annotated[int, Field(ge=0, le=1024)] = 0
    """Least rank of every layer; with 0, layers may go without an adapter."""
    cap: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Largest rank of a layer; unset: `probe_rank`, because no more singular values are known."""
    examples: Annotated[int, Field(ge=2, le=100_000)] = 200
    """Number of training examples, drawn at random, that the gradient is measured on; each is computed twice."""
    probe_rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """Rank of the sketch: number of singular values that are measured of each layer."""

    @property
    def largest(self) -> int:
        """The largest rank of a layer."""
        return self.probe_rank if self.cap is None else self.cap

    def average_rank(self, rank: int, layers: int, weights_per_rank: int, bytes_per_weight: float) -> float:
        """The budget over the cost of one rank in every layer; in bytes, the activations do not count."""
        if self.budget is None or self.unit == "average_rank":
            return rank if self.budget is None else self.budget
        per_weight = bytes_per_weight if self.unit == "bytes" else 1.0
        return min(self.budget / max(weights_per_rank * per_weight, 1.0), float(self.largest))

    def faults(self, rank: int) -> Sequence[Fault]:
        """Limits that contradict each other, or the budget."""
        found = []
        cap = f"{self.cap}" if self.cap is not None else _DEFAULT_CAP
        if self.largest > self.probe_rank:
            message = f"found {cap}; the sketch measures {self.probe_rank} directions of each layer: raise probe_rank"
            found.append(Fault("cap", message))
        if self.floor > self.largest:
            found.append(Fault("floor", f"found {self.floor}, more than cap ({cap})"))
        if self.unit != "average_rank":
            if self.budget is None:
                found.append(Fault("budget", f"is missing: with unit {self.unit}, say how many"))
            return found
        average = rank if self.budget is None else self.budget
        told = f"found {average:g}" if self.budget is not None else f"is unset, which is the method's rank {rank}"
        if average > self.largest:
            message = (
                f"{told}, more than cap ({cap}), so that it can not be spent: raise cap and probe_rank, or lower it"
            )
            found.append(Fault("budget", message))
        if average < self.floor:
            found.append(Fault("budget", f"{told}, less than floor {self.floor}: raise it, or lower floor"))
        return found


class SketchConfig(SketchFields):
    """Ranks go where a sketch of the gradient says that they reduce the loss most.

    Our study did not show that this is better than the same ranks in other places: docs/studies/allocation.md.
    """

    code: ClassVar[str] = "engine.ranks.sketched:Sketched"

    type: Literal["sketch"] = "sketch"


class ShuffledConfig(SketchFields):
    """The control: the ranks of `sketch`, permuted among layers of the same shape."""

    code: ClassVar[str] = "engine.ranks.sketched:Shuffled"

    type: Literal["shuffled"] = "shuffled"
    shuffle_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Which permutation."""
