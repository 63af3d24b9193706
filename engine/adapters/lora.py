"""Attach, save and load LoRA adapters in plain peft format."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import peft
import torch
from torch import nn

from engine.config.methods.lora import LoraFields
from engine.errors import ConfigError, Fault, ModelError
from engine.families.contract import Base
from engine.models.reference import ModelReference


def attach(base: Base, config: LoraFields, reference: ModelReference) -> peft.PeftModel:
    """Attach trainable adapters and freeze the model's own weights, except for its heads. Layers are replaced in place.

    Raises:
        ConfigError: a group that the model does not have.
        ModelError: a target matches no linear layer of the model, or none in the chosen groups.
    """
    targets = base.default_targets() if config.target_modules == "default" else list(config.target_modules)
    if config.groups != "all":
        if unknown := [group for group in config.groups if group not in base.groups]:
            message = f"found {', '.join(unknown)}; the parts of {reference.id} are {', '.join(base.groups)}"
            raise ConfigError([Fault("training.method.groups", message)])
        targets = _in_groups(base, targets, config.groups)
    lora = peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # any number works
        lora_dropout=config.dropout,
        target_modules=targets,
        modules_to_save=list(base.heads) or None,
        use_rslora=config.rslora,
        bias="none",
    )
    base.model.requires_grad_(False)
    try:
        with _quiet():
            adapted = peft.get_peft_model(base.model, lora)
    except ValueError as error:
        linear = sorted({n.rpartition(".")[2] for n, m in base.model.named_modules() if isinstance(m, nn.Linear)})
        raise ModelError(
            f"cannot attach adapters to {targets}: {error}. The model's linear layers are {', '.join(linear)}"
        ) from error
    # A run's adapter must not depend on the location of the base, so it records the base's name, not its path.
    adapted.peft_config["default"].base_model_name_or_path = reference.name
    adapted.peft_config["default"].revision = reference.revision
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted


def _in_groups(base: Base, targets: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Full names of the linear layers that match the targets in the chosen parts of the model."""
    names = [
        name
        for name, module in base.model.named_modules()
        if isinstance(module, nn.Linear) and any(name == target or name.endswith(f".{target}") for target in targets)
    ]
    found = {name: base.group_of(name) for name in names}
    kept = [name for name, group in found.items() if group in groups]
    if not kept:
        there = sorted({group for group in found.values() if group is not None})
        raise ModelError(
            f"none of the layers {', '.join(targets)} is in {', '.join(groups)}; they are in {', '.join(there) or 'none'}"
        )
    return kept


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
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
        with _quiet():
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
