"""The contract of a model family: a loaded base, and a learner for each task that the family can do.

Legend: B examples in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import torch
from torch import nn

from engine.config.training import Group, TrainingConfig
from engine.data.example import AnyExample
from engine.run.result import Fact

Prediction = str | dict[str, Any]
"""A prediction as JSON, so that workers can exchange it: a text, or an object that the task describes."""
Seeds = Sequence[Sequence[int]]
"""For each example, the seed of its random changes; they depend only on the position in the run."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """How the base's linear layers are kept in 4 bits."""

    kind: Literal["nf4", "fp4"] = "nf4"
    double: bool = True


@dataclass(frozen=True, slots=True)
class TargetSpace:
    """What the data decide about a model's output, so that its head fits; stored with what was trained."""

    labels: tuple[str, ...] = ()
    """Classes, in the order of the head's outputs."""
    alphabet: tuple[str, ...] = ()
    """Characters of the texts, for a model that spells them."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a base is loaded."""

    device: torch.device
    compute_dtype: torch.dtype = torch.float32
    """Type in which 4-bit layers compute."""
    quantization: Quantization | None = None
    """Keep linear layers in 4 bits; None keeps them in full precision."""
    from_scratch: bool = False
    """Take only the architecture, and start from random weights."""
    space: TargetSpace = TargetSpace()
    """What the head must be able to give, for a base that has no head for it."""
    revision: str = "main"
    """Commit or branch of a hub model."""


class Base(Protocol):
    """A loaded model with all that turns its inputs and outputs into tensors and back."""

    @property
    def model(self) -> nn.Module:
        """A model of transformers, in evaluation mode; adapters replace its layers in place."""
        ...

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the modules that are new for the task: every method trains them whole, in float32."""
        ...

    @property
    def groups(self) -> tuple[Group, ...]:
        """Its parts, from the input to the output."""
        ...

    def default_targets(self) -> list[str]:
        """Names (suffixes) of the linear layers that get an adapter by default; no head is among them."""
        ...

    def group_of(self, module_name: str) -> Group | None:
        """The part that a module belongs to."""
        ...

    def freeze_constants(self) -> None:
        """Freeze the parameters that the architecture defines as constant."""

    def save(self, folder: Path) -> None:
        """Write the whole model with its processor in transformers' format, as safetensors."""

    def facts(self) -> Mapping[str, Fact]:
        """What a result says about the model."""
        ...


class Batch(Protocol):
    """Input of one forward pass, on the CPU."""

    @property
    def cost(self) -> float:
        """Cost of its examples in the learner's unit, without padding."""
        ...


BatchT = TypeVar("BatchT", bound=Batch)


class Learner(Protocol[BatchT]):
    """A task bound to a loaded base and a config: turns examples into batches, a loss and predictions."""

    @property
    def config(self) -> TrainingConfig:
        """The run's config, with everything resolved that the model decides."""
        ...

    @property
    def cost_unit(self) -> str:
        """Unit of costs: `audio_s`, `tokens`, `pixels`."""
        ...

    def costs(self, examples: Sequence[AnyExample]) -> list[float]:
        """Cost of each example, without padding."""
        ...

    def padded_costs(self, examples: Sequence[AnyExample]) -> list[float]:
        """Cost of each example in a batch of such as it, padding included: what batches are filled by."""
        ...

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        """Why examples do not fit the model, by id."""
        ...

    def collate(self, examples: Sequence[AnyExample], folder: Path, seeds: Seeds | None = None) -> BatchT:
        """Read the inputs and build a batch on the CPU, in any thread.

        Args:
            examples: at least one.
            folder: of the dataset version.
            seeds: of the random changes to each input; None: none are made.
        """
        ...

    def loss(self, batch: BatchT) -> tuple[torch.Tensor, int]:
        """Sum of the loss over targets in float32, and the number of targets; the training loop divides once per step.

        Each example's loss is multiplied by its weight, which the number ignores.
        """
        ...

    def target_count(self, examples: Sequence[AnyExample]) -> int:
        """Number of targets of these examples, without reading their inputs."""
        ...

    def predict(
        self, examples: Sequence[AnyExample], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        """A prediction for each example, in their order; none depends on which others there are."""
        ...
