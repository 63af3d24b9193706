"""A moving average of the trained weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import nn


class WeightAverage:
    """An exponential moving average whose decay ramps up, so that it soon forgets the initial weights.

    After step n the average keeps min(decay, (1 + n) / (10 + n)) of itself. Averages along the way to a minimum
    generalise better than the last weights.

    Source: Polyak and Juditsky 1992; Cha et al. 2021 (SWAD) for unseen domains; the ramp is
    TensorFlow's `ExponentialMovingAverage(num_updates=...)`.
    """

    def __init__(self, weights: Mapping[str, nn.Parameter], decay: float) -> None:
        self._weights = weights
        self._decay = decay
        self.tensors = {name: p.detach().clone() for name, p in weights.items()}

    @torch.no_grad()
    def add(self, step: int) -> None:
        """Include the current weights in the average, after optimizer step `step`, counted from 1."""
        keep = min(self._decay, (1 + step) / (10 + step))
        for name, parameter in self._weights.items():
            self.tensors[name].lerp_(parameter.detach(), 1 - keep)

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restore the average from a checkpoint."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @contextlib.contextmanager
    @torch.no_grad()
    def applied(self) -> Iterator[None]:
        """Load the averaged weights into the model; restore the trained ones on exit."""
        kept = {name: p.detach().clone() for name, p in self._weights.items()}
        for name, parameter in self._weights.items():
            parameter.copy_(self.tensors[name])
        try:
            yield
        finally:
            for name, parameter in self._weights.items():
                parameter.copy_(kept[name])
