"""Classes of devices that a cluster may be made of: `configs/devices/*.yaml`. Imports neither torch nor Ray."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from engine.config.base import Config, parse, read_yaml
from engine.models.catalogue import PROJECT_ROOT

LABEL: Final = "lim/device-class"
"""Ray node label that names a node's class: `ray start --labels lim/device-class=jetson-nano`."""


Bytes = Annotated[int, Field(ge=1, le=2**50)]


class DeviceClass(Config):
    """What a machine of a class offers a worker."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    """Name of the class."""
    title: Annotated[str, Field(max_length=200)]
    """Name for people."""
    memory_bytes: Bytes
    """Memory that the model is trained in: of a GPU its own, of a Jetson that which CPU and GPU share."""
    reserved_bytes: Bytes
    """What the operating system and Ray (180 MB) take of it, or a GPU's context; no worker gets it."""
    compute_bytes: Literal[2, 4]
    """Width of the type that it computes in."""

    @property
    def usable_bytes(self) -> int:
        """What is left for a worker."""
        return self.memory_bytes - self.reserved_bytes


@functools.cache
def device_classes(folder: Path = PROJECT_ROOT / "configs" / "devices") -> tuple[DeviceClass, ...]:
    """Every class, the smallest first.

    Raises:
        ConfigError: a class with faults.
    """
    classes = [parse(DeviceClass, read_yaml(path)) for path in folder.glob("*.yaml")]
    return tuple(sorted(classes, key=lambda device: (device.memory_bytes, device.id)))
