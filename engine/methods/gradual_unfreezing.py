"""Gradual unfreezing: the whole model is trained, from its head downwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from engine.config.methods.whole import GradualUnfreezingConfig
from engine.families.contract import AnyLearner, Base
from engine.models.reference import ModelReference


class GradualUnfreezing:
    """Trains one layer more every so many steps.

    The levels are: the new heads, if there are any; each layer of the encoder and the decoder from the output to the
    input, with the norms behind it; and what is in front of all layers, such as convolutions and embeddings.

    Source: Howard and Ruder 2018, section 3.3; their schedule unfreezes a layer after each epoch.
    """

    def __init__(self, config: GradualUnfreezingConfig) -> None:
        self._config = config
        self._levels: list[list[nn.Parameter]] = []

    def attach(self, base: Base, reference: ModelReference) -> nn.Module:
        """The base; what the schedule will reach requires a gradient."""
        base.model.requires_grad_(True)
        base.freeze_constants()
        levels = levels_of(base.model, base.heads)
        most = self._config.layers
        self._levels = levels if most is None else levels[: most + bool(base.heads)]
        base.model.requires_grad_(False)
        for parameter in (parameter for level in self._levels for parameter in level):
            parameter.requires_grad_(True)
        return base.model

    def before_step(self, step: int) -> None:
        """Unfreeze what is due by this step, and freeze the rest."""
        due = 1 + step // self._config.every_steps
        for place, level in enumerate(self._levels):
            for parameter in level:
                parameter.requires_grad_(place < due)
                if place >= due:
                    parameter.grad = None

    def save(self, trained: Any, base: Base, learner: AnyLearner, folder: Path) -> None:
        """Write the whole model."""
        learner.save(folder)


def levels_of(model: nn.Module, heads: tuple[str, ...]) -> list[list[nn.Parameter]]:
    """The trainable parameters from the output to the input, layer by layer.

    Layers are the items of the model's outermost lists of modules that hold attention. Parameters between two layers, such
    as a last norm, belong to the layer before them.
    """
    layers = _layers(model)
    new: list[nn.Parameter] = []
    front: list[nn.Parameter] = []
    of_layer: list[list[nn.Parameter]] = []
    current = ""
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        layer = next((prefix for prefix in layers if name.startswith(prefix)), None)
        if any(name.startswith(f"{head}.") for head in heads):
            new.append(parameter)
        elif layer is None:
            (of_layer[-1] if of_layer else front).append(parameter)
        elif layer == current:
            of_layer[-1].append(parameter)
        else:
            current = layer
            of_layer.append([parameter])
    return [level for level in (new, *reversed(of_layer), front) if level]


def _layers(model: nn.Module) -> list[str]:
    """Prefixes of the names of the parameters of each layer, in the model's order."""
    lists = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList)
        and len(module)
        and any("atten" in part.lower() or "attn" in part.lower() for part, _ in module[0].named_modules())
    ]
    outermost = [name for name in lists if not any(name.startswith(f"{other}.") for other in lists)]
    return [f"{name}.{index}." for name in outermost for index in range(len(model.get_submodule(name)))]  # type: ignore[arg-type]
