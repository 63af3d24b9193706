"""Linear layers of a model, counted from its config.json. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinearLayers:
    """Linear layers of one shape. 4 bits hold their weights; an adapter of rank r on one has r (inputs + outputs)."""

    group: str
    """The part of the model that they belong to."""
    target: str
    """Last part of the layers' names."""
    inputs: int
    outputs: int
    count: int
    has_bias: bool
    """Biases are kept in full precision."""

    @property
    def weights(self) -> int:
        """Weights of all these layers, without biases."""
        return self.inputs * self.outputs * self.count

    @property
    def biases(self) -> int:
        """Biases of all these layers."""
        return self.outputs * self.count if self.has_bias else 0


def weights_of(layers: Iterable[LinearLayers]) -> int:
    """Number of weights in all of them, which can be stored in 4 bits."""
    return sum(each.weights for each in layers)


def biases_of(layers: Iterable[LinearLayers]) -> int:
    """Number of their biases."""
    return sum(each.biases for each in layers)
