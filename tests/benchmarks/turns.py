"""Two runs that take turns of a second or two, so that what the machine does meanwhile befalls both alike.

The speed of a small virtual machine drifts by a tenth within minutes, and its processors are not equally fast: of two
runs one after the other, the same one was 15 % slower or 10 % faster than the other (docs/LOG.md). Here both are alive at
once. One runs while every process of the other is stopped by a signal, then the other way round; each pair of turns
begins on the next processor, after which the scheduler does as it likes. A run's time is that of its own turns.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

Processes = Sequence[psutil.Process]
Interval = tuple[float, float]
"""Beginning and end, as `time.time` has them."""
TURN_S: Final = 1.0


class Turns:
    """Lets one of two sides run at a time; a side that waits stays stopped until `free`."""

    def __init__(self, turn_s: float = TURN_S) -> None:
        """Nobody runs yet.

        Args:
            turn_s: length of a turn.
        """
        self._turn_s = turn_s
        self._sides: dict[str, Processes] = {}
        self.intervals: dict[str, list[Interval]] = {}
        """When each side ran."""

    def hold(self, side: str, processes: Processes) -> None:
        """Stop a side until its turn comes."""
        self._sides[side] = processes
        self.intervals[side] = []
        _each(processes, psutil.Process.suspend)

    def alternate(self, both_live: Callable[[], bool]) -> Interval:
        """Take turns as long as both are alive; from when to when that was."""
        begin = time.time()
        processors = itertools.cycle(sorted(os.sched_getaffinity(0)))
        while both_live():
            processor = next(processors)
            for side, processes in self._sides.items():
                _place(processes, processor)
                start = time.time()
                _each(processes, psutil.Process.resume)
                time.sleep(self._turn_s)
                _each(processes, psutil.Process.suspend)
                self.intervals[side].append((start, time.time()))
        return begin, time.time()

    def free(self) -> None:
        """Let everybody run."""
        for processes in self._sides.values():
            _each(processes, psutil.Process.resume)


def step_times_s(steps: Mapping[str, Mapping[int, float]], turns: Turns, span: Interval) -> dict[str, float]:
    """Seconds of a step of each side, over the steps that both did in turns.

    Args:
        steps: of each side, when each step ended.
        turns: when each side ran.
        span: when they took turns.

    Raises:
        ValueError: they did not do two steps so.
    """
    first = max(min((step for step, end in ends.items() if end >= span[0]), default=0) for ends in steps.values())
    last = min(max((step for step, end in ends.items() if end <= span[1]), default=0) for ends in steps.values())
    if last <= first:
        raise ValueError(f"no steps in turns: the later side began at step {first}, the slower one ended at {last}")
    return {
        side: overlap_s(turns.intervals[side], (ends[first], ends[last])) / (last - first)
        for side, ends in steps.items()
    }


def overlap_s(intervals: Sequence[Interval], span: Interval) -> float:
    """Seconds of a span that lie in any of the intervals, which do not overlap."""
    return sum(max(0.0, min(end, span[1]) - max(begin, span[0])) for begin, end in intervals)


def _each(processes: Processes, act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended
            act(process)


def _place(processes: Processes, processor: int) -> None:
    """Move every thread to a processor, and let it go wherever it may."""
    everywhere = os.sched_getaffinity(0)
    for process in processes:
        for thread in Path(f"/proc/{process.pid}/task").glob("*"):
            for allowed in ({processor}, everywhere):
                with contextlib.suppress(OSError):  # it has ended
                    os.sched_setaffinity(int(thread.name), allowed)
