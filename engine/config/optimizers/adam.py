"""The configs of Adam and AdamW, with states of 32 or 8 bits."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from engine.config.optimizers.base import Decay, OptimizerFields

PAGING_NEEDS_A_GPU: Final = (
    "found paged_adamw_8bit, which moves states from the GPU's memory to the host's; without a GPU there is nothing to "
    "move them out of: adamw_8bit keeps the same states"
)
_BLOCK: Final = 256  # 8-bit states: values that share a scale


class AdamFields(OptimizerFields):
    """Common fields of Adam and AdamW."""

    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 2e-3
    """Peak learning rate."""
    weight_decay: Decay = 0.0
    """Weight decay: with AdamW taken off the weights, with Adam added to the gradient."""
    betas: tuple[Annotated[float, Field(ge=0.0, lt=1.0)], Annotated[float, Field(ge=0.0, lt=1.0)]] = (0.9, 0.98)
    """Decay of the first and second moments."""
    eps: Annotated[float, Field(gt=0.0, le=1.0)] = 1e-8
    """Added to the denominator."""

    def state_bytes(self, weights: int) -> int:
        """Two moments in float32."""
        return 8 * weights

    def lighter(self) -> OptimizerFields | None:
        """AdamW with moments in 8 bits."""
        return AdamW8BitConfig.model_validate(self.model_dump() | {"type": "adamw_8bit"})


class AdamWConfig(AdamFields):
    """AdamW with its two moments in 32 bits."""

    code: ClassVar[str] = "engine.training.optimizers:adamw"

    type: Literal["adamw"] = "adamw"


class AdamConfig(AdamFields):
    """Adam with its two moments in 32 bits."""

    code: ClassVar[str] = "engine.training.optimizers:adam"

    type: Literal["adam"] = "adam"


class EightBitFields(AdamFields):
    """AdamW with its two moments in 8 bits, in blocks of 256 values."""

    def state_bytes(self, weights: int) -> int:
        """Two moments of a byte per weight, and their float32 scale of each block."""
        return 2 * weights + 2 * 4 * math.ceil(weights / _BLOCK)

    def lighter(self) -> OptimizerFields | None:
        """None."""
        return None


class AdamW8BitConfig(EightBitFields):
    """AdamW with its two moments in 8 bits, in blocks of 256 values."""

    code: ClassVar[str] = "engine.training.optimizers:adamw_8bit"

    type: Literal["adamw_8bit"] = "adamw_8bit"


class PagedAdamW8BitConfig(EightBitFields):
    """AdamW with its two moments in 8 bits, and paged; needs a GPU.

    States of tensors of at least 100,000 weights move to the host's memory when the GPU's runs out.
    """

    code: ClassVar[str] = "engine.training.optimizers:paged_adamw_8bit"
    is_paged: ClassVar[bool] = True

    type: Literal["paged_adamw_8bit"] = "paged_adamw_8bit"
