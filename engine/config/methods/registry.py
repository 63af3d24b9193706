"""The registry of methods. Imports neither torch nor Ray."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from engine.config.methods.base import MethodFields
from engine.config.methods.lora import LoraConfig, QloraConfig
from engine.config.methods.temporal import TemporalConfig
from engine.config.methods.whole import FullConfig, GradualUnfreezingConfig, LinearProbeConfig, PretrainConfig

METHODS: Final[Mapping[str, type[MethodFields]]] = {
    "qlora": QloraConfig,
    "lora": LoraConfig,
    "temporal": TemporalConfig,
    "full": FullConfig,
    "pretrain": PretrainConfig,
    "linear_probe": LinearProbeConfig,
    "gradual_unfreezing": GradualUnfreezingConfig,
}
"""The config of each method by its name; the class holds what is known about the method without its code."""
if TYPE_CHECKING:
    MethodConfig = MethodFields
else:
    MethodConfig = Annotated[functools.reduce(operator.or_, METHODS.values()), Field(discriminator="type")]
