"""Measure the peak memory of this process."""

from __future__ import annotations

import resource
from pathlib import Path

import torch


def peak_bytes(device: torch.device) -> int:
    """Peak memory so far, in bytes: the allocator's on a GPU, the process's resident memory on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        # ru_maxrss survives exec, so it would include the parent's memory before exec.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
