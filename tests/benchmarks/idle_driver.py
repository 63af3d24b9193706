"""A driver in the training driver's place that only stays: what it would say, the benchmark says for it."""

from __future__ import annotations

import signal
import sys
import threading

if __name__ == "__main__":
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    sys.exit(1)
