"""What a device's libraries and temporary tensors take: the measured part of the memory model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from engine.memory.record import FLOAT32


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constants of a class of devices, from `make study-memory`."""

    fresh_bytes: int
    """A worker's process before it loads anything: Python and its libraries."""
    run_bytes: int
    """What libraries load and compile during a run."""
    half_bytes: int
    """What they take in addition in half precision."""
    vocabulary: float
    """What a tokenizer takes, in multiples of its files."""
    step: float
    """Temporary tensors of a training step, in multiples of the largest one."""
    evaluation: float
    """Temporary tensors of a prediction, likewise."""
    maps_files: bool
    """Whether a model's file counts while it is read: its pages are mapped into the process."""

    def runtime_bytes(self, compute_bytes: int) -> int:
        """What does not depend on the model or the batch.

        Args:
            compute_bytes: bytes per value of the compute type.
        """
        return self.fresh_bytes + self.run_bytes + (self.half_bytes if compute_bytes < FLOAT32 else 0)


MARGIN: Final = 1.15
"""What is reserved for a worker, as a multiple of its predicted peak; measured ones are within it (docs/studies/memory.md)."""
CPU: Final = Calibration(
    fresh_bytes=720_000_000,
    run_bytes=65_000_000,
    half_bytes=40_000_000,
    vocabulary=6.0,
    step=2.0,
    evaluation=4.0,
    maps_files=True,
)
WORKER: Final = replace(CPU, fresh_bytes=CPU.fresh_bytes + 310_000_000)
"""A worker of a cluster, which has Ray's libraries and a client of the object store too. Measured on the demo, whose worker
peaks at 1,178 MB."""
