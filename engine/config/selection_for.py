"""Check that a selection method fits the training, before anything is loaded."""

from __future__ import annotations

from typing import Final

from engine.config.base import parse
from engine.config.methods.lora import LoraFields
from engine.config.methods.whole import PretrainConfig
from engine.config.selection import AutoMethodConfig, SelectionConfig
from engine.config.training import TrainingConfig
from engine.errors import ConfigError, Fault

NEED_QUANTISED: Final = frozenset({"quantization_aware", "disagreement"})
"""Methods that compare a quantised base with the base in full precision."""
NEED_ADAPTER: Final = frozenset({"quantization_aware", "reducible_loss", "el2n", "cowerage"})
"""Methods that score after a short training of an adapter."""
NEED_MODEL: Final = NEED_QUANTISED | NEED_ADAPTER | {"top_loss"}
"""Methods that score with a model."""
_ANYWHERE: Final = "random, duration_stratified, trim_pack_only or full"


def selection_for(selection: SelectionConfig, training: TrainingConfig) -> SelectionConfig:
    """The selection with its method resolved.

    Raises:
        ConfigError: the method does not fit the training.
    """
    faults = selection_faults(selection, training)
    if faults:
        raise ConfigError(faults)
    if not isinstance(selection.method, AutoMethodConfig):
        return selection
    return parse(SelectionConfig, selection.model_dump() | {"method": {"type": _best_for(training)}})


def selection_faults(selection: SelectionConfig, training: TrainingConfig) -> list[Fault]:
    """Faults of a selection that does not fit its training."""
    method, trained = selection.method.type, training.method
    path = "selection.method.type"
    if method in NEED_MODEL and isinstance(trained, PretrainConfig):
        found = f"found {method}, and a training from random weights, whose model cannot score yet"
        return [Fault(path, f"{found}; give {_ANYWHERE}")]
    if method in NEED_QUANTISED and trained.four_bit is None:
        found = f"found {method}, which scores a quantised base, and a training with {trained.type}"
        instead = "reducible_loss, " if isinstance(trained, LoraFields) else ""
        return [Fault(path, f"{found}; give {instead}{_ANYWHERE}, or train with qlora")]
    if method in NEED_ADAPTER and not isinstance(trained, LoraFields):
        found = f"found {method}, which scores after a short training of an adapter, and a training with {trained.type}"
        return [Fault(path, f"{found}; give top_loss, {_ANYWHERE}, or train with qlora or lora")]
    return []


def _best_for(training: TrainingConfig) -> str:
    if training.method.four_bit is not None:
        return "quantization_aware"
    return "reducible_loss" if training.method.output == "adapter" else "duration_stratified"
