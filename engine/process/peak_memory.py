"""Measure the peak memory of this process."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

import torch

from engine.process.out_of_memory import free_caches

_RESET_PEAK: Final = "5"  # proc_pid_clear_refs(5)


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


def reset_peak(device: torch.device) -> bool:
    """Measure peaks from now on, after freeing what nothing uses; False if this system cannot, and old peaks stay.

    Source: Linux, `Documentation/filesystems/proc.rst`, `/proc/PID/clear_refs`: 5 resets the peak resident memory to the
    current value.
    """
    free_caches(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    except OSError:
        return False
    return True
