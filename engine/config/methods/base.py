"""What the configs of all methods have in common."""

from __future__ import annotations

from typing import ClassVar, Literal

from engine.config.adapters import Adapters
from engine.config.base import Config, Name
from engine.config.quantization import Quantization

Output = Literal["adapter", "model"]
Trains = Literal["adapters", "heads", "whole"]


class MethodFields(Config):
    """What is trained, and on which base."""

    code: ClassVar[str]
    """Module and class of the method, a `engine.methods.contract.Method`; imported when it is used."""
    output: ClassVar[Output]
    """What training leaves: an adapter for the base, or a whole model."""
    trains: ClassVar[Trains] = "whole"
    """What is trained: adapters, nothing, or the whole base; and always the heads that are new for the task."""
    from_scratch: ClassVar[bool] = False
    """Whether training starts from random weights, so that there is no base to compare with."""

    type: Name
    """Name of the method."""

    @property
    def four_bit(self) -> Quantization | None:
        """How the base's linear layers are kept in 4 bits; None: in full precision."""
        return None

    @property
    def adapters(self) -> Adapters | None:
        """The layers that get an adapter; None: no layer does."""
        return None

    @property
    def leaves_base(self) -> bool:
        """Whether the base can be measured after training too, because its own weights do not change."""
        return self.output == "adapter"
