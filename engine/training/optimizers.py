"""Optimizers by config, and their state as plain tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from engine.config.training import AdamWConfig, OptimizerConfig, SgdConfig


def build_optimizer(config: OptimizerConfig, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer over `parameters`. The 8-bit kinds keep their moments in blocks of 8-bit values."""
    build: Callable[..., torch.optim.Optimizer]
    if isinstance(config, SgdConfig):
        return torch.optim.SGD(
            parameters, lr=config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
        )
    arguments: dict[str, Any] = {
        "lr": config.learning_rate,
        "betas": config.betas,
        "eps": config.eps,
        "weight_decay": config.weight_decay,
    }
    assert isinstance(config, AdamWConfig)
    if config.type == "adamw":
        return torch.optim.AdamW(parameters, fused=True, **arguments)
    # 43 MB of native code that the other optimizers do not need.
    from bitsandbytes.optim.adamw import AdamW8bit, PagedAdamW8bit

    build = AdamW8bit if config.type == "adamw_8bit" else PagedAdamW8bit
    return build(parameters, **arguments)


def state_tensors(optimizer: torch.optim.Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The optimizer's state as named tensors (`3/exp_avg`: of the fourth parameter) and JSON for the rest.

    The 8-bit optimizers nest their quantised moments in a dict of their own: each level is a part of the name.
    """
    tensors: dict[str, torch.Tensor] = {}
    scalars: dict[str, Any] = {}

    def put(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                put(f"{path}/{name}", inner)
        elif isinstance(value, torch.Tensor):
            tensors[path] = value.detach().cpu().clone().contiguous()
        else:
            scalars[path] = value

    for index, state in optimizer.state_dict()["state"].items():
        put(str(index), state)
    return tensors, scalars


def restore_state(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], scalars: dict[str, Any]) -> None:
    """Put back what `state_tensors` gave."""
    state: dict[int, dict[str, Any]] = {}
    for path, value in {**tensors, **scalars}.items():
        index, *names, last = path.split("/")
        node = state.setdefault(int(index), {})
        for name in names:
            node = node.setdefault(name, {})
        node[last] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
