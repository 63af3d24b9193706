"""The registry of rank allocations. Imports neither torch nor Ray."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from engine.config.allocations.base import AllocationFields
from engine.config.allocations.given import FixedConfig, UniformConfig
from engine.config.allocations.sketch import ShuffledConfig, SketchConfig

ALLOCATIONS: Final[Mapping[str, type[AllocationFields]]] = {
    "uniform": UniformConfig,
    "sketch": SketchConfig,
    "fixed": FixedConfig,
    "shuffled": ShuffledConfig,
}
"""The config of each allocation by its name; the class names the code."""
if TYPE_CHECKING:
    AllocationConfig = AllocationFields
else:
    AllocationConfig = Annotated[functools.reduce(operator.or_, ALLOCATIONS.values()), Field(discriminator="type")]
