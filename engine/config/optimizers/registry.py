"""The registry of optimizers. Imports neither torch nor Ray."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from engine.config.optimizers.adam import AdamConfig, AdamW8BitConfig, AdamWConfig, PagedAdamW8BitConfig
from engine.config.optimizers.base import OptimizerFields
from engine.config.optimizers.sgd import SgdConfig

OPTIMIZERS: Final[Mapping[str, type[OptimizerFields]]] = {
    "adamw": AdamWConfig,
    "adam": AdamConfig,
    "adamw_8bit": AdamW8BitConfig,
    "paged_adamw_8bit": PagedAdamW8BitConfig,
    "sgd": SgdConfig,
}
"""The config of each optimizer by its name; the class holds what is known about the optimizer without its code."""
if TYPE_CHECKING:
    OptimizerConfig = OptimizerFields
else:
    OptimizerConfig = Annotated[functools.reduce(operator.or_, OPTIMIZERS.values()), Field(discriminator="type")]
