"""What the configs of all optimizers have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field

from engine.config.base import Config, Name

Decay = Annotated[float, Field(ge=0.0, le=10.0)]


class OptimizerFields(Config):
    """An optimizer: its settings, and what is known about it without its code."""

    code: ClassVar[str]
    """Module and function that build it from this config and the trained parameters; imported when it is used."""
    is_paged: ClassVar[bool] = False
    """Whether its states move from the GPU's memory to the host's, so that it needs a GPU."""

    type: Name
    """Name of the optimizer."""
    learning_rate: Annotated[float, Field(gt=0.0, le=100.0)]
    """Peak learning rate."""

    @abstractmethod
    def state_bytes(self, weights: int) -> int:
        """Bytes that it keeps for a tensor of so many weights."""

    def lighter(self) -> OptimizerFields | None:
        """An optimizer that does nearly the same with smaller states; None: there is none."""
        return None
