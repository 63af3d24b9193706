"""How compute threads wait for each other. Imports no torch."""

from __future__ import annotations

import os


def wait_passively() -> None:
    """Let compute threads that have nothing to do sleep instead of spin; call it before torch is imported.

    Spinning saves microseconds on processors that are otherwise idle. On a busy machine a thread spins while the one
    that it waits for has no processor: a training step of whisper-pico with two threads, beside one other busy process
    on two cores, took 4,400 ms so and 140 ms asleep (docs/LOG.md).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
