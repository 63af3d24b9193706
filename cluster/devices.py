"""Device classes of a cluster: `configs/devices/*.yaml`. Imports neither torch nor Ray."""

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
    """Memory and compute type of a device class."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    """Name of the class."""
    title: Annotated[str, Field(max_length=200)]
    """Display name."""
    memory_bytes: Bytes
    """Memory for training: a GPU's own, or the memory that a Jetson's CPU and GPU share."""
    reserved_bytes: Bytes
    """Part of it for the operating system and Ray (180 MB), or for a GPU's context; not available to workers."""
    compute_bytes: Literal[2, 4]
    """Bytes per value of its compute type."""

    @property
    def usable_bytes(self) -> int:
        """Memory left for a worker, in bytes."""
        return self.memory_bytes - self.reserved_bytes


@functools.cache
def device_classes(folder: Path = PROJECT_ROOT / "configs" / "devices") -> tuple[DeviceClass, ...]:
    """All device classes, by memory, the smallest first.

    Raises:
        ConfigError: a class file has faults.
    """
    classes = [parse(DeviceClass, read_yaml(path)) for path in folder.glob("*.yaml")]
    return tuple(sorted(classes, key=lambda device: (device.memory_bytes, device.id)))
