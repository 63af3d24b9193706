"""Numbers of weights that the memory model counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.config.training import TrainingConfig
from engine.families.memory import memory_module, rules_of
from engine.families.registry import family_of
from engine.memory.record import FLOAT32
from engine.memory.shape import BatchShape
from engine.memory.tape import Tape


def played(
    values: Mapping[str, Any], task: str, *, classes: int | None = None, method: Mapping[str, Any] | None = None
) -> Tape:
    """The forward pass of a short batch with a model's config.json; by default with QLoRA of rank 32."""
    config = TrainingConfig.model_validate({"task": {"type": task}, "method": method or {"type": "qlora", "rank": 32}})
    tape = Tape(rules_of(config, FLOAT32))
    batch = BatchShape(1, 1.0, tokens=4, classes=classes)
    memory_module(family_of(values, "the test"), task).play(tape, config, values, batch)
    return tape


def count(tape: Tape, *kinds: str) -> int:
    """Number of weights of some kinds."""
    return sum(each.count for each in tape.weights if each.kind in kinds)
