"""How many compute threads a process has, and how they wait for each other. Imports no torch."""

from __future__ import annotations

import math
import os
from pathlib import Path


def wait_passively() -> None:
    """Let compute threads that have nothing to do sleep instead of spin; call it before torch is imported.

    Spinning saves microseconds on processors that are otherwise idle. On a busy machine a thread spins while the one
    that it waits for has no processor: a training step of whisper-pico with two threads, beside one other busy process
    on two cores, took 4,400 ms so and 140 ms asleep (docs/LOG.md).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def compute_threads(workers_here: int = 1) -> int:
    """Compute threads of each of this node's training processes: its share of the processors but one.

    That one makes batches ready: on two processors a second thread took a step of whisper-pico from 30 to 24
    audio-seconds per second (docs/LOG.md).
    """
    return max(1, processors() // workers_here - 1)


def processors(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors that this process may use: those it may run on, or fewer if its control group has a quota."""
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
