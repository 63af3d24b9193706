"""Two runs that take turns, and what a step then took."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from tests.benchmarks.turns import Turns, overlap_s, step_times_s

COUNTER = "import time\nn = 0\nwhile n < {count}:\n    time.sleep(0.002); n += 1; print(n, time.time(), flush=True)"


def test_only_what_lies_in_the_intervals_counts() -> None:
    assert overlap_s([(0.0, 1.0), (2.0, 3.0), (4.0, 5.0)], (0.5, 4.25)) == pytest.approx(0.5 + 1.0 + 0.25)
    assert overlap_s([(0.0, 1.0)], (1.0, 3.0)) == 0.0


def test_steps_are_those_that_both_did_in_turns() -> None:
    turns = Turns()
    turns.intervals = {"a": [(10.0, 11.0), (12.0, 13.0)], "b": [(11.0, 12.0), (13.0, 14.0)]}
    steps = {
        "a": {1: 9.0, 2: 10.4, 3: 10.8, 4: 12.2, 5: 12.6, 6: 15.0},
        "b": {1: 8.0, 2: 9.5, 3: 11.5, 4: 13.5, 5: 20.0},
    }
    # From step 3, the first of b's turns, to step 4, the last: 0.2 + 0.2 s of a's turns, 0.5 + 0.5 s of b's.
    assert step_times_s(steps, turns, (10.0, 14.0)) == {"a": pytest.approx(0.4), "b": pytest.approx(1.0)}


def test_without_steps_in_turns_there_is_no_figure() -> None:
    turns = Turns()
    turns.intervals = {"a": [(10.0, 11.0)], "b": [(11.0, 12.0)]}
    with pytest.raises(ValueError, match="no steps in turns"):
        step_times_s({"a": {1: 10.5}, "b": {1: 9.0, 2: 11.5}}, turns, (10.0, 12.0))


def test_one_stands_while_the_other_runs() -> None:
    command = [sys.executable, "-c", COUNTER.format(count=400)]
    running = {side: subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for side in ("a", "b")}
    turns = Turns(0.1)
    try:
        for side, process in running.items():
            assert process.stdout is not None
            process.stdout.readline()  # it has begun
            turns.hold(side, [psutil.Process(process.pid)])
        time.sleep(0.05)  # the signal arrives
        turns.alternate(lambda: all(process.poll() is None for process in running.values()))
    finally:
        turns.free()
    for side, process in running.items():
        told = [float(line.split()[1]) for line in process.communicate()[0].splitlines()]
        ends = [told_s for told_s in told if turns.intervals[side][0][0] < told_s < turns.intervals[side][-1][1]]
        assert len(ends) > 100
        other = turns.intervals["b" if side == "a" else "a"]
        outside = sum(any(begin + 0.02 < end_s < end for begin, end in other) for end_s in ends)
        assert outside == 0, f"{side}: {outside} of {len(ends)} in the other's turns"
