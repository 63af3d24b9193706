"""The linear layers of a base that a method's config names."""

from __future__ import annotations

from torch import nn

from engine.config.methods.lora import LoraFields
from engine.errors import ConfigError, Fault, ModelError
from engine.families.contract import Base
from engine.models.reference import ModelReference


def target_names(base: Base, config: LoraFields) -> list[str]:
    """Names, or last parts of names, of the layers that get an adapter."""
    return base.default_targets() if config.target_modules == "default" else list(config.target_modules)


def check_groups(base: Base, groups: list[str], reference: ModelReference, path: str) -> None:
    """Check that the model has these parts.

    Args:
        base: the model.
        groups: names of parts.
        reference: to the model, for the message.
        path: of the field that names them, in the training config.

    Raises:
        ConfigError: it lacks one.
    """
    if unknown := [group for group in groups if group not in base.groups]:
        message = f"found {', '.join(unknown)}; the parts of {reference.id} are {', '.join(base.groups)}"
        raise ConfigError([Fault(f"training.{path}", message)])


def target_layers(base: Base, config: LoraFields, reference: ModelReference) -> dict[str, nn.Linear]:
    """The linear layers that match the config's targets in its groups, by full name, in the model's order.

    Raises:
        ConfigError: a group that the model does not have.
        ModelError: no layer matches, or none in the chosen groups.
    """
    targets = target_names(base, config)
    found = {
        name: module
        for name, module in base.model.named_modules()
        if isinstance(module, nn.Linear) and any(name == target or name.endswith(f".{target}") for target in targets)
    }
    if not found:
        raise ModelError(f"cannot attach adapters to {targets}: {which_linear(base)}")
    if config.groups == "all":
        return found
    check_groups(base, config.groups, reference, "method.groups")
    kept = {name: module for name, module in found.items() if base.group_of(name) in config.groups}
    if not kept:
        there = sorted({group for name in found if (group := base.group_of(name)) is not None})
        raise ModelError(
            f"none of the layers {', '.join(targets)} is in {', '.join(config.groups)}; they are in "
            f"{', '.join(there) or 'none'}"
        )
    return kept


def which_linear(base: Base) -> str:
    """The linear layers that a model has, for messages."""
    linear = sorted({n.rpartition(".")[2] for n, m in base.model.named_modules() if isinstance(m, nn.Linear)})
    return f"The model's linear layers are {', '.join(linear)}"
