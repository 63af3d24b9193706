"""Random draws of augmentation strengths from a numpy Generator."""

from __future__ import annotations

import numpy as np


def between(bounds: tuple[float, float], generator: np.random.Generator) -> float:
    """A number drawn uniformly between two bounds."""
    return float(generator.uniform(*bounds))


def drawn(probability: float, bounds: tuple[float, float], generator: np.random.Generator, otherwise: float) -> float:
    """With this probability a number drawn uniformly between two bounds, else `otherwise`."""
    return between(bounds, generator) if generator.random() < probability else otherwise
