"""Attach, save and load LoRA adapters in plain peft format."""

from __future__ import annotations

import contextlib
import math
import statistics
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import peft
import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from engine.adapters.targets import target_layers, target_names, which_linear
from engine.config.methods.lora import LoraFields
from engine.errors import ModelError
from engine.families.contract import Base
from engine.models.reference import ModelReference
from engine.ranks.ranks import Ranks


def attach(base: Base, config: LoraFields, reference: ModelReference, ranks: Ranks | None = None) -> peft.PeftModel:
    """Attach trainable adapters and freeze the model's own weights, except for its heads. Layers are replaced in place.

    Args:
        base: the model.
        config: of the adapters.
        reference: to the model, which the adapter records.
        ranks: rank of each layer; the update of each is scaled as at the config's rank. None: the config's for all.

    Raises:
        ConfigError: a group that the model does not have.
        ModelError: a target matches no linear layer of the model, or none in the chosen groups.
    """
    lora = peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # any number works
        lora_dropout=config.dropout,
        target_modules=_targets(base, config, reference),
        modules_to_save=list(base.heads) or None,
        use_rslora=config.rslora,
        bias="none",
    )
    if ranks is not None:
        _use(lora, ranks.by_name(), config)
    base.model.requires_grad_(False)
    try:
        with quiet():
            adapted = peft.get_peft_model(base.model, lora)
    except ValueError as error:
        targets = target_names(base, config)
        raise ModelError(f"cannot attach adapters to {targets}: {error}. {which_linear(base)}") from error
    # A run's adapter must not depend on the location of the base, so it records the base's name, not its path.
    adapted.peft_config["default"].base_model_name_or_path = reference.name
    adapted.peft_config["default"].revision = reference.revision
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if ranks is not None:
        _check(adapted, ranks.by_name())
    return adapted


def _targets(base: Base, config: LoraFields, reference: ModelReference) -> list[str]:
    if config.groups == "all":
        return target_names(base, config)
    return list(target_layers(base, config, reference))


def _use(lora: peft.LoraConfig, ranks: Mapping[str, int], config: LoraFields) -> None:
    """Give each layer its rank, by its full name.

    peft scales by alpha / rank (or its square root) of the layer, so alpha follows the rank: the scale stays the one of
    the config's rank, and allocations differ in ranks alone.
    """
    lora.target_modules = list(ranks)
    # peft searches the patterns for every layer: the most frequent rank needs none.
    lora.r = statistics.mode(ranks.values())
    lora.rank_pattern = {name: rank for name, rank in ranks.items() if rank != lora.r}
    lora.lora_alpha = scaled_alpha(config, lora.r)  # type: ignore[assignment]  # any number works
    lora.alpha_pattern = {name: scaled_alpha(config, rank) for name, rank in lora.rank_pattern.items()}


def scaled_alpha(config: LoraFields, rank: int) -> float:
    """The alpha at which peft scales an adapter of this rank as one of the config's rank and alpha."""
    share = rank / config.rank
    return config.alpha * (math.sqrt(share) if config.rslora else share)


def _check(adapted: peft.PeftModel, ranks: Mapping[str, int]) -> None:
    """Check that peft, which matches the ends of names too, attached these ranks.

    Raises:
        ModelError: it did not.
    """
    layers = adapted.get_base_model().named_modules()
    found = {name: layer.r["default"] for name, layer in layers if isinstance(layer, LoraLayer)}
    if found != ranks:
        wrong = sorted(name for name in found.keys() | ranks.keys() if found.get(name) != ranks.get(name))
        raise ModelError(f"the ranks of {', '.join(wrong[:5])} cannot be told apart by name; use allocation: uniform")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress the warning about peft's use of a property of transformers under its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def save(adapted: peft.PeftModel, folder: Path) -> None:
    """Write `adapter_model.safetensors` and `adapter_config.json`, which plain peft loads."""
    with warnings.catch_warnings():
        # peft would query the hub for the base to check for an extended vocabulary; ours is never extended.
        warnings.simplefilter("ignore", UserWarning)
        adapted.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)


def load(base: Base, folder: Path) -> peft.PeftModel:
    """Load a saved adapter onto its base, for inference.

    Raises:
        ModelError: the folder has no adapter, or the adapter does not fit the model.
    """
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(f"no adapter_config.json in {folder}; give the folder of an adapter")
    try:
        with quiet():
            adapted = peft.PeftModel.from_pretrained(base.model, str(folder))
    except (ValueError, RuntimeError, KeyError) as error:
        raise ModelError(f"the adapter in {folder} does not fit this model: {error}") from error
    adapted.eval()
    return adapted


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Numbers of trainable parameters and of all parameters; packed 4-bit weights count individually."""
    trainable = total = 0
    for parameter in model.parameters():
        count = parameter.numel()
        if parameter.__class__.__name__ == "Params4bit" and parameter.dtype == torch.uint8:
            state = getattr(parameter, "quant_state", None)
            count = int(torch.Size(state.shape).numel()) if state is not None else count * 2
        total += count
        if parameter.requires_grad:
            trainable += count
    return trainable, total
