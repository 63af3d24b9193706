"""What a training step of a family keeps in memory, known without its model. Does not import torch.

Beside the module of a family that loads a model for a task, a module `memory` has the function `play`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol, cast

from engine.config.quantization import Quantization
from engine.config.training import TrainingConfig
from engine.errors import ModelError
from engine.families.costing import model_values
from engine.families.registry import FAMILIES
from engine.memory.record import FLOAT32, Rules
from engine.memory.shape import BatchShape, Longest
from engine.memory.tape import Tape
from engine.models.reference import ModelReference


class MemoryModule(Protocol):
    """A module `memory` of a family."""

    READS_TEXT: bool
    """Whether the task loads the model's tokenizer."""
    PUBLISHED: Mapping[str, tuple[Mapping[str, Any], ...]]
    """The config.json of published models that differ from transformers' defaults, by family: what a model that is not on
    this machine is like."""

    def play(self, tape: Tape, config: TrainingConfig, model: Mapping[str, Any], batch: BatchShape) -> None:
        """Play the forward pass and the loss of a batch, as the family's learner computes them.

        Args:
            tape: records them.
            config: of the run.
            model: the model's config.json, with the settings of its `feature_extractor`; what it leaves out has the
                default of transformers.
            batch: padded sizes.
        """
        ...

    def longest(self, config: TrainingConfig, model: Mapping[str, Any], data: Longest) -> BatchShape:
        """A batch of one example, the longest of the data, padded as the family's learner pads it."""
        ...


def tape_of(
    model: ModelReference, config: TrainingConfig, batch: BatchShape, compute_bytes: int, *, on_gpu: bool = False
) -> Tape:
    """The forward pass and the loss of a batch: weights, adapters, and what is kept for the backward pass.

    Args:
        model: the base.
        config: of the run.
        batch: padded sizes.
        compute_bytes: bytes of a value of the type that the run computes in.
        on_gpu: whether it computes on a GPU.

    Raises:
        ModelError: the model's `config.json` cannot be read, or lacks sizes.
    """
    values = model_values(model)
    tape = Tape(rules_of(config, compute_bytes, on_gpu=on_gpu))
    try:
        memory_module(model.family, config.task.type).play(tape, config, values, batch)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the config.json of {model.name} has sizes that cannot be used: {error!r}") from error
    return tape


def memory_module(family: str, task: str) -> MemoryModule:
    """The module `memory` of a family for a task."""
    package = FAMILIES[family].modules[task].rpartition(".")[0]
    return cast(MemoryModule, importlib.import_module(f"{package}.memory"))


def base_weights(model: Mapping[str, Any], family: str, task: str) -> tuple[int, int]:
    """Number of a base's weights in linear layers, which can be kept in 4 bits, and of all its others, without new heads.

    Args:
        model: the model's config.json.
        family: of the model.
        task: that it is loaded for.
    """
    tape = Tape(Rules("heads", FLOAT32, four_bit=Quantization()))
    config = TrainingConfig.model_validate({"task": {"type": task}})
    memory_module(family, task).play(tape, config, model, BatchShape(1, 1.0, tokens=1))
    linear, others = (sum(each.count for each in tape.weights if each.kind == kind) for kind in ("four_bit", "base"))
    return linear, others


def rules_of(config: TrainingConfig, compute_bytes: int, *, on_gpu: bool = False) -> Rules:
    """How a run treats the weights of any model; see `tape_of`."""
    method = config.method
    return Rules(
        trains=method.trains,
        compute_bytes=compute_bytes,
        adapters=method.adapters,
        four_bit=method.four_bit,
        checkpointing=config.gradient_checkpointing,
        on_gpu=on_gpu,
    )
