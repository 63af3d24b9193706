"""The config of stochastic gradient descent."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from engine.config.optimizers.base import Decay, OptimizerFields


class SgdConfig(OptimizerFields):
    """Stochastic gradient descent with momentum."""

    code: ClassVar[str] = "engine.training.optimizers:sgd"

    type: Literal["sgd"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0.0, le=100.0)] = 0.05
    """Peak learning rate."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Momentum."""
    weight_decay: Decay = 0.0
    """Weight decay."""

    def state_bytes(self, weights: int) -> int:
        """The momentum in float32, if there is any."""
        return 4 * weights if self.momentum else 0
