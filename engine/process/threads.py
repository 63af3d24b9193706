"""Set the number of a process's compute threads and how they wait. Does not import torch."""

from __future__ import annotations

import math
import os
from pathlib import Path


def wait_passively() -> None:
    """Make idle compute threads sleep instead of spin; call it before torch is imported.

    Spinning saves microseconds on idle processors. On a busy machine a spinning thread takes the processor from the
    thread that it waits for: with one other busy process on two cores, a training step of whisper-pico with two threads
    took 4,400 ms spinning and 140 ms sleeping (docs/LOG.md).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def compute_threads(workers_here: int = 1) -> int:
    """Compute threads for each training process on this node: an equal share of the processors, less one.

    The remaining processor prepares batches: on two processors a second compute thread slowed whisper-pico from 30 to
    24 audio-seconds per second (docs/LOG.md).
    """
    return max(1, processors() // workers_here - 1)


def processors(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors that this process may use: its affinity, or fewer if its control group has a quota."""
    count = len(os.sched_getaffinity(0))
    for quota_file, period_file in (("cpu.max", None), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            told = (cgroups / quota_file).read_text(encoding="ascii").split()
            told += (cgroups / period_file).read_text(encoding="ascii").split() if period_file else []
            quota, period = int(told[0]), int(told[1])
        except (OSError, ValueError, IndexError):
            continue  # no such file, or "max"
        if quota > 0 and period > 0:
            count = min(count, max(1, math.ceil(quota / period)))
    return count
