"""The configs of methods that train the model's own weights."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from engine.config.methods.base import MethodFields, Output, Trains


class FullConfig(MethodFields):
    """Train every weight of a pre-trained model."""

    code: ClassVar[str] = "engine.methods.whole:Whole"
    output: ClassVar[Output] = "model"

    type: Literal["full"] = "full"


class PretrainConfig(MethodFields):
    """Train every weight from random initialisation; the model provides only the architecture."""

    code: ClassVar[str] = "engine.methods.whole:Whole"
    output: ClassVar[Output] = "model"
    from_scratch: ClassVar[bool] = True

    type: Literal["pretrain"] = "pretrain"


class LinearProbeConfig(MethodFields):
    """Train only the head that is new for the task, on a base that stays as it is."""

    code: ClassVar[str] = "engine.methods.linear_probe:LinearProbe"
    output: ClassVar[Output] = "model"
    trains: ClassVar[Trains] = "heads"

    type: Literal["linear_probe"] = "linear_probe"


class GradualUnfreezingConfig(MethodFields):
    """Train the whole model, from its head downwards: one layer more every so many steps.

    Source: Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification", section 3.3.
    """

    code: ClassVar[str] = "engine.methods.gradual_unfreezing:GradualUnfreezing"
    output: ClassVar[Output] = "model"

    type: Literal["gradual_unfreezing"] = "gradual_unfreezing"
    every_steps: Annotated[int, Field(ge=1, le=10_000_000)] = 100
    """Steps after which the next layer below is trained too."""
    layers: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Maximum number of layers that are trained, counted from the output; unset: all, and in the end the embeddings
    and convolutions in front of them."""
