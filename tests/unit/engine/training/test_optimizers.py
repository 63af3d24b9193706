"""Each optimizer takes the step that its fields say."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from engine.config.optimizers.registry import OPTIMIZERS, OptimizerConfig
from engine.errors import ConfigError
from engine.training.optimizers import build_optimizer, paging_warning, restore_state, state_tensors

ADAMW = ("adamw", "adamw_8bit")


def _config(**fields: Any) -> OptimizerConfig:
    config: OptimizerConfig = TypeAdapter(OptimizerConfig).validate_python(fields)
    return config


def _after(gradients: list[float], **fields: Any) -> float:
    """A weight that began at 1, after these gradients."""
    parameter = nn.Parameter(torch.ones(512))
    optimizer = build_optimizer(_config(**fields), [parameter])
    for gradient in gradients:
        parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
    return float(parameter.detach()[0])


@pytest.mark.parametrize("kind", ADAMW)
def test_the_first_step_of_adamw_is_the_learning_rate(kind: str) -> None:
    for learning_rate in (0.01, 0.03):
        assert _after([5.0], type=kind, learning_rate=learning_rate) == pytest.approx(1 - learning_rate, rel=1e-3)


@pytest.mark.parametrize("kind", ADAMW)
def test_weight_decay_of_adamw_shrinks_without_a_gradient(kind: str) -> None:
    assert _after([0.0], type=kind, learning_rate=0.1, weight_decay=0.5) == pytest.approx(0.95)
    assert _after([0.0], type=kind, learning_rate=0.1) == 1.0


@pytest.mark.parametrize("kind", ADAMW)
@pytest.mark.parametrize("betas", [(0.5, 0.9), (0.9, 0.5)])
def test_betas_of_adamw_weigh_the_gradients_before(kind: str, betas: tuple[float, float]) -> None:
    gradients, rate = [1.0, -2.0], 0.01
    first = second = 0.0
    weight = 1.0
    for step, gradient in enumerate(gradients, start=1):
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient**2
        weight -= rate * (first / (1 - betas[0] ** step)) / math.sqrt(second / (1 - betas[1] ** step))
    assert _after(gradients, type=kind, learning_rate=rate, betas=betas) == pytest.approx(weight, abs=2e-4)


@pytest.mark.parametrize("kind", ADAMW)
def test_eps_of_adamw_dampens_small_gradients(kind: str) -> None:
    assert _after([0.1], type=kind, learning_rate=0.1, eps=0.1) == pytest.approx(0.95, rel=1e-3)


def test_weight_decay_of_adam_joins_the_gradient() -> None:
    """Without a gradient AdamW shrinks by learning rate and decay; Adam takes a whole step, whatever the decay is."""
    for decay in (0.01, 0.1):
        after = _after([0.0], type="adam", learning_rate=0.01, weight_decay=decay)
        assert after == pytest.approx(1 - 0.01, rel=1e-3)
    assert _after([5.0], type="adam", learning_rate=0.01) == pytest.approx(1 - 0.01, rel=1e-3)


def test_sgd_follows_the_gradient_with_momentum_and_decay() -> None:
    plain = {"type": "sgd", "learning_rate": 0.1, "momentum": 0.0}
    assert _after([2.0, 2.0], **plain) == pytest.approx(0.6)
    assert _after([2.0, 2.0], **plain | {"momentum": 0.5}) == pytest.approx(0.5)
    assert _after([0.0], **plain | {"weight_decay": 0.5}) == pytest.approx(0.95)


@pytest.mark.parametrize("shape", [(8,), (4, 16), (16, 16), (64, 65)])
def test_states_of_8_bits_are_8_bits_for_tensors_of_every_size(shape: tuple[int, ...]) -> None:
    parameter = nn.Parameter(torch.ones(shape))
    optimizer = build_optimizer(_config(type="adamw_8bit"), [parameter])
    parameter.grad = torch.ones(shape)
    optimizer.step()
    state = optimizer.state[parameter]
    assert (state["state1"].dtype, state["state2"].dtype) == (torch.uint8, torch.uint8)
    blocks = math.ceil(parameter.numel() / 256)
    assert (len(state["absmax1"]), len(state["absmax2"])) == (blocks, blocks)
    whole = build_optimizer(_config(type="adamw"), [parameter])
    whole.step()
    assert whole.state[parameter]["exp_avg"].dtype == torch.float32


def test_8_bits_are_near_enough_to_32() -> None:
    """A noisy way to 3, in tensors under and over a block: the moments' rounding moves a weight by a hundredth."""
    for count in (8, 300, 5000):
        ends = []
        for kind in ADAMW:
            parameter = nn.Parameter(torch.ones(count))
            optimizer = build_optimizer(_config(type=kind, learning_rate=0.02), [parameter])
            noise = torch.Generator().manual_seed(0)
            for _ in range(200):
                parameter.grad = parameter.detach() - 3 + 0.3 * torch.randn(count, generator=noise)
                optimizer.step()
            ends.append(parameter.detach())
        assert float((ends[0] - ends[1]).abs().mean()) < 0.02
        assert float((ends[1] - 3).abs().mean()) < 0.1


@pytest.mark.parametrize("kind", [*ADAMW, "sgd"])
def test_states_come_back_as_they_were(kind: str) -> None:
    first, second = nn.Parameter(torch.ones(300)), nn.Parameter(torch.ones(300))
    optimizer = build_optimizer(_config(type=kind), [first])
    for _ in range(2):
        first.grad = torch.linspace(-1, 1, 300)
        optimizer.step()
    resumed = build_optimizer(_config(type=kind), [second])
    tensors, scalars = state_tensors(optimizer)
    # They are the optimizer's own; a checkpoint is read from its file.
    restore_state(resumed, {name: tensor.clone() for name, tensor in tensors.items()}, scalars)
    second.data.copy_(first.data)
    for parameter, each in ((first, optimizer), (second, resumed)):
        parameter.grad = torch.linspace(1, -1, 300)
        each.step()
    assert torch.equal(first, second)


def test_paged_states_without_a_gpu_are_refused_with_the_type_that_does_the_same() -> None:
    with pytest.raises(
        ConfigError, match=r"training\.optimizer\.type: found paged_adamw_8bit.* adamw_8bit keeps the same"
    ):
        build_optimizer(_config(type="paged_adamw_8bit"), [nn.Parameter(torch.ones(3))])


def test_paged_states_that_will_not_be_paged_are_said() -> None:
    small, large = nn.Parameter(torch.ones(300, 300)), nn.Parameter(torch.ones(400, 300))
    paged = _config(type="paged_adamw_8bit")
    warning = paging_warning(paged, [small])
    assert warning is not None
    assert "the largest trained tensor has 90,000" in warning
    assert paging_warning(paged, [small, large]) is None
    assert paging_warning(_config(type="adamw_8bit"), [small]) is None


@pytest.mark.parametrize("kind", [kind for kind, config in OPTIMIZERS.items() if not config.is_paged])
@pytest.mark.parametrize("weights", [512, 1000])
def test_the_counted_bytes_are_those_of_the_states(kind: str, weights: int) -> None:
    parameter = nn.Parameter(torch.ones(weights))
    config = _config(type=kind)
    optimizer = build_optimizer(config, [parameter])
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    tensors, _ = state_tensors(optimizer)
    # Not counted: scalars, and the table of the 256 values of 8 bits, which bitsandbytes keeps once for all tensors.
    kept = sum(tensor.nbytes for name, tensor in tensors.items() if tensor.numel() > 1 and "qmap" not in name)
    assert config.state_bytes(weights) == kept
