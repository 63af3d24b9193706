"""A linear model whose gradient is known, as a base with a learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from engine.config.training import TrainingConfig
from engine.families.binding import Bound


class Linear(nn.Module):
    """Two layers on the same inputs: x_BI -> (outputs of `wide`, outputs of `narrow`)."""

    def __init__(self, inputs: int, wide: int, narrow: int) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({"wide": nn.Linear(inputs, wide), "narrow": nn.Linear(inputs, narrow)})

    def forward(self, x_BI: torch.Tensor) -> list[torch.Tensor]:
        return [part(x_BI) for part in self.parts.values()]


@dataclass
class LinearLearner:
    """Half the squared distance to targets, so that G = sum over examples of (y - target) x^T."""

    config: TrainingConfig
    model: Linear
    x_NI: torch.Tensor
    targets: list[torch.Tensor]
    """target_NO of each layer."""
    batches: list[list[int]] = field(default_factory=list)
    """Examples of each batch whose loss was computed."""
    cost_unit: str = "rows"

    def costs(self, examples: Sequence[Any]) -> list[float]:
        return [1.0 for _ in examples]

    padded_costs = costs

    def collate(self, examples: Sequence[Any], folder: Path, seeds: object = None) -> list[int]:
        return [int(example.id) for example in examples]

    def target_count(self, examples: Sequence[Any]) -> int:
        return len(examples)

    def loss(self, batch: list[int]) -> tuple[torch.Tensor, int]:
        self.batches.append(batch)
        outputs = self.model(self.x_NI[batch])
        terms = [((y - target[batch]) ** 2).sum() / 2 for y, target in zip(outputs, self.targets, strict=True)]
        return torch.stack(terms).sum(), len(batch)

    def gradients(self, batch: list[int]) -> dict[str, torch.Tensor]:
        """The exact mean gradient of each layer over a batch, computed without autograd."""
        with torch.no_grad():
            x_BI = self.x_NI[batch]
            residuals = [y - target[batch] for y, target in zip(self.model(x_BI), self.targets, strict=True)]
            return {
                f"parts.{name}": residual_BO.T @ x_BI / len(batch)
                for name, residual_BO in zip(self.model.parts, residuals, strict=True)
            }


def linear_bound(
    *, examples: int = 64, inputs: int = 24, wide: int = 32, narrow: int = 5, noise: float = 0.1, **fields: Any
) -> tuple[Bound, LinearLearner, list[Any]]:
    """A bound linear model, its learner, and its examples; targets follow 3 directions, and noise."""
    generator = torch.Generator().manual_seed(3)
    config = TrainingConfig.model_validate({"batch": {"cost": 8.0, "micro_batch_cost": 8.0}, **fields})
    model = Linear(inputs, wide, narrow)
    x_NI = torch.randn(examples, inputs, generator=generator)
    targets = []
    for part in model.parts.values():
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.copy_(0.01 * torch.randn(parameter.shape, generator=generator))
        outputs = part.out_features
        steps_K = torch.tensor([9.0, 4.0, 2.0])
        truth_OI = (torch.randn(outputs, 3, generator=generator) * steps_K) @ torch.randn(
            3, inputs, generator=generator
        )
        targets.append(x_NI @ truth_OI.T / inputs + noise * torch.randn(examples, outputs, generator=generator))
    model.eval()
    learner = LinearLearner(config, model, x_NI, targets)
    loaded: Any = SimpleNamespace(base=SimpleNamespace(model=model))
    device = torch.device("cpu")
    unused: Any = None
    bound = Bound(unused, loaded, learner, unused, device, torch.float32, unused, ())  # type: ignore[arg-type]
    return bound, learner, [SimpleNamespace(id=f"{number}") for number in range(examples)]
