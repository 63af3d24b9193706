"""How weights are kept in 4 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Quantization:
    """How the base's linear layers are kept in 4 bits."""

    kind: Literal["nf4", "fp4"] = "nf4"
    double: bool = True
    """Whether the constants of the blocks are quantised too."""
