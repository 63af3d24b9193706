"""Build optimizers from a config, and convert their state to plain tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import ParamsT

from engine.code import import_code
from engine.config.optimizers.adam import (
    PAGING_NEEDS_A_GPU,
    AdamConfig,
    AdamFields,
    AdamW8BitConfig,
    AdamWConfig,
    PagedAdamW8BitConfig,
)
from engine.config.optimizers.base import OptimizerFields
from engine.config.optimizers.sgd import SgdConfig
from engine.errors import ConfigError, Fault

_LEAST_PAGED = 100_000  # weights of a tensor; fixed by bitsandbytes (`Optimizer8bit.get_state_buffer`)


def build_optimizer(
    config: OptimizerFields, parameters: Sequence[nn.Parameter], rate_factors: Sequence[float] | None = None
) -> torch.optim.Optimizer:
    """The optimizer that a config names, over `parameters`.

    Args:
        config: names the optimizer.
        parameters: that it trains.
        rate_factors: factor on the learning rate of each parameter; None: 1 for all.

    Raises:
        ConfigError: paged states without a GPU.
    """
    check_paging(config, parameters[0].device)
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter, factor in zip(parameters, rate_factors or [1.0] * len(parameters), strict=True):
        groups.setdefault(factor, []).append(parameter)
    grouped = [{"params": own, "rate_factor": factor} for factor, own in groups.items()]
    optimizer: torch.optim.Optimizer = import_code(config.code)(config, grouped)
    set_learning_rate(optimizer, config.learning_rate)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the learning rate: that of each group of parameters is a multiple of it."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["rate_factor"]


def adamw(config: AdamWConfig, parameters: ParamsT) -> torch.optim.Optimizer:
    """AdamW of torch."""
    return torch.optim.AdamW(parameters, fused=True, **_adam_arguments(config))


def adam(config: AdamConfig, parameters: ParamsT) -> torch.optim.Optimizer:
    """Adam of torch."""
    return torch.optim.Adam(parameters, fused=True, **_adam_arguments(config))


def adamw_8bit(config: AdamW8BitConfig, parameters: ParamsT) -> torch.optim.Optimizer:
    """AdamW of bitsandbytes."""
    # Imported here: 43 MB of native code that the other optimizers do not need.
    from bitsandbytes.optim.adamw import AdamW8bit

    return _in_8_bits(AdamW8bit, config, parameters)


def paged_adamw_8bit(config: PagedAdamW8BitConfig, parameters: ParamsT) -> torch.optim.Optimizer:
    """Paged AdamW of bitsandbytes."""
    from bitsandbytes.optim.adamw import PagedAdamW8bit

    return _in_8_bits(PagedAdamW8bit, config, parameters)


def sgd(config: SgdConfig, parameters: ParamsT) -> torch.optim.Optimizer:
    """SGD of torch."""
    return torch.optim.SGD(
        parameters, lr=config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
    )


def _in_8_bits(
    build: Callable[..., torch.optim.Optimizer], config: AdamFields, parameters: ParamsT
) -> torch.optim.Optimizer:
    # bitsandbytes' default keeps tensors under 4,096 weights, such as most adapters of small models, in 32 bits.
    return build(parameters, min_8bit_size=1, **_adam_arguments(config))


def _adam_arguments(config: AdamFields) -> dict[str, Any]:
    return {
        "lr": config.learning_rate,
        "betas": config.betas,
        "eps": config.eps,
        "weight_decay": config.weight_decay,
    }


def check_paging(config: OptimizerFields, device: torch.device) -> None:
    """Reject paged states without a GPU to page from.

    Raises:
        ConfigError: paged states without a GPU; the message names the type with the same states.
    """
    if config.is_paged and device.type != "cuda":
        raise ConfigError([Fault("training.optimizer.type", PAGING_NEEDS_A_GPU)])


def paging_warning(config: OptimizerFields, parameters: Sequence[nn.Parameter]) -> str | None:
    """A warning if no state will be paged; None if some will be."""
    largest = max(parameter.numel() for parameter in parameters)
    if not config.is_paged or largest >= _LEAST_PAGED:
        return None
    return (
        f"optimizer.type {config.type} pages the states of tensors of at least {_LEAST_PAGED:,} weights, and the "
        f"largest trained tensor has {largest:,}: the run takes as much GPU memory as with adamw_8bit"
    )


def state_tensors(optimizer: torch.optim.Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The optimizer's state as named tensors (`3/exp_avg` belongs to the fourth parameter) and JSON for the rest.

    The 8-bit optimizers nest their quantised moments in a separate dict; each level becomes a part of the name. On a
    processor the tensors are the optimizer's own, which its next step changes; a copy would double its memory.
    """
    tensors: dict[str, torch.Tensor] = {}
    seen = set[int]()
    scalars: dict[str, Any] = {}

    def put(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                put(f"{path}/{name}", inner)
        elif isinstance(value, torch.Tensor):
            on_cpu = value.detach().cpu().contiguous()
            # 8-bit states share a table, and safetensors stores no tensor twice.
            tensors[path] = on_cpu.clone() if on_cpu.data_ptr() in seen else on_cpu
            seen.add(on_cpu.data_ptr())
        else:
            scalars[path] = value

    for index, state in optimizer.state_dict()["state"].items():
        put(str(index), state)
    return tensors, scalars


def restore_state(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], scalars: dict[str, Any]) -> None:
    """Restore the state from `state_tensors`."""
    state: dict[int, dict[str, Any]] = {}
    for path, value in {**tensors, **scalars}.items():
        index, *names, last = path.split("/")
        node = state.setdefault(int(index), {})
        for name in names:
            node = node.setdefault(name, {})
        node[last] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
