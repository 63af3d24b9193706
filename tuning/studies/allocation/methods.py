"""The methods of the arms, at about as many trained parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from engine.adapters.targets import target_layers
from engine.config.allocations.sketch import ShuffledConfig, SketchConfig
from engine.config.methods.lora import QloraConfig
from engine.config.training import TrainingConfig
from engine.families.binding import bind
from tuning.studies.allocation.adalora import AdaLoraConfig
from tuning.studies.allocation.arms import ADALORA_PEAK, ADALORA_TARGET, EVA, GROUPS, SHUFFLED, SKETCH, TYPE_ONLY
from tuning.studies.allocation.eva import EvaConfig
from tuning.studies.trials import Arm

SCALE: Final = 2.0
"""alpha / rank of every arm."""
DROPOUT: Final = 0.05
_ATTENTION: Final = ("q_proj", "v_proj")


@dataclass(frozen=True, slots=True)
class Layer:
    """A linear layer that may get an adapter."""

    name: str
    group: str | None
    weights: int
    """Of an adapter of rank 1."""


def layers_of(model: str, config: TrainingConfig) -> list[Layer]:
    """The layers of a model that get an adapter by default."""
    bound = bind(model, config)
    method = config.method
    assert isinstance(method, QloraConfig)
    found = target_layers(bound.base, method, bound.reference)
    return [
        Layer(name, bound.base.group_of(name), layer.in_features + layer.out_features) for name, layer in found.items()
    ]


def method_of(arm: Arm, rank: int, steps: int, examples: int, layers: Iterable[Layer]) -> QloraConfig:
    """The method of an arm.

    Args:
        arm: one of `ARMS`.
        rank: of every layer in the arm `uniform`, whose parameters the others are to have.
        steps: of the training.
        examples: that the sketch is measured on.
        layers: all that may get an adapter.
    """
    layers = list(layers)
    if arm.name == SKETCH:
        return _qlora(rank, allocation=SketchConfig(examples=examples))
    if arm.name in SHUFFLED:
        return _qlora(rank, allocation=ShuffledConfig(examples=examples, shuffle_seed=SHUFFLED.index(arm.name)))
    if arm.name in GROUPS:
        group = GROUPS[arm.name]
        return _qlora(_equal(rank, layers, [layer for layer in layers if layer.group == group]), groups=[group])
    if arm.name == TYPE_ONLY:
        chosen = [layer for layer in layers if layer.name.endswith(_ATTENTION)]
        return _qlora(_equal(rank, layers, chosen), target_modules=list(_ATTENTION))
    if arm.name == EVA:
        return EvaConfig(rank=rank, alpha=SCALE * rank, dropout=DROPOUT)
    if arm.name == ADALORA_TARGET:
        first, last = max(rank + 1, round(1.5 * rank)), rank
        return AdaLoraConfig(rank=first, alpha=SCALE * first, dropout=DROPOUT, target_rank=last, steps=steps)
    if arm.name == ADALORA_PEAK:
        last = max(1, int(0.75 * rank))
        return AdaLoraConfig(rank=rank, alpha=SCALE * rank, dropout=DROPOUT, target_rank=last, steps=steps)
    return _qlora(rank)


def _qlora(rank: int, **fields: object) -> QloraConfig:
    return QloraConfig.model_validate({"rank": rank, "alpha": SCALE * rank, "dropout": DROPOUT, **fields})


def _equal(rank: int, layers: Iterable[Layer], chosen: Iterable[Layer]) -> int:
    """The rank at which the chosen layers have about as many parameters as all have at `rank`."""
    return max(1, round(rank * sum(each.weights for each in layers) / sum(each.weights for each in chosen)))
