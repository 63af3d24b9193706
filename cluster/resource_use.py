"""What a worker uses while it trains: processor, memory and GPU of its process, and of its host.

Measured by a thread of the worker, every 2 s at first and later, in long runs, every minute: a week has about 10,000 samples.
"""

from __future__ import annotations

import logging
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

import psutil

from engine.run.events import Event

_FIRST_S: Final = 2.0
_LONGEST_S: Final = 60.0
_SAMPLES: Final = 50
"""Samples that a run has at any time, about, while the pause between them grows with it."""
_GPU_ANSWER_S: Final = 5.0
_log = logging.getLogger(__name__)


class ResourceUse:
    """Emits the use of this process and its host until it is closed; use as a context manager.

    Each event is a metric whose data has only `resources`: `worker`, `host`, `cpu_cores` (processor seconds per second),
    `rss_bytes`, `host_cpu_percent`, `host_memory_bytes`, with a GPU also `gpu`, `gpu_percent`, `gpu_memory_bytes` (of all
    its processes) and `gpu_process_bytes` (of this one, with what its allocator keeps), and the sizes of the host and the GPU.
    What cannot be measured is not there.
    """

    def __init__(self, emit: Callable[[Event], None], attempt: str, rank: int) -> None:
        self._emit, self._attempt, self._rank = emit, attempt, rank
        self._process = psutil.Process()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resource-use", daemon=True)

    def __enter__(self) -> ResourceUse:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(_GPU_ANSWER_S)

    def _run(self) -> None:
        began_s = last_s = time.monotonic()
        last_cpu_s = _cpu_s(self._process)
        psutil.cpu_percent(None)  # the first call has nothing to compare with
        while not self._ended.wait(_pause_s(last_s - began_s)):
            now_s, cpu_s = time.monotonic(), _cpu_s(self._process)
            cores = (cpu_s - last_cpu_s) / (now_s - last_s)
            last_s, last_cpu_s = now_s, cpu_s
            try:
                sample = {"worker": self._rank, "cpu_cores": round(cores, 3), **self._memory(), **_gpu()}
            except (psutil.Error, OSError, RuntimeError) as error:
                _log.warning("the use of resources could not be measured: %s", error)
                continue
            key = f"resources/{self._attempt}/{self._rank}/{time.time_ns():x}"
            self._emit(Event("metric", key, {"resources": sample}))

    def _memory(self) -> dict[str, Any]:
        host = psutil.virtual_memory()
        return {
            "host": platform.node(),
            "rss_bytes": self._process.memory_info().rss,
            "host_cpu_percent": psutil.cpu_percent(None),
            "host_memory_bytes": host.total - host.available,
            "host_cores": psutil.cpu_count() or 1,
            "host_memory_total_bytes": host.total,
        }


def _pause_s(elapsed_s: float) -> float:
    return min(_LONGEST_S, max(_FIRST_S, elapsed_s / _SAMPLES))


def _cpu_s(process: psutil.Process) -> float:
    """Processor seconds of a process and of its children that have ended."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _gpu() -> dict[str, Any]:
    """The use of this worker's GPU; empty if it has none, or has not used it yet."""
    cuda: Any = getattr(sys.modules.get("torch"), "cuda", None)  # torch is never imported for this
    if not hasattr(cuda, "is_initialized") or not cuda.is_initialized():  # another thread may be importing it now
        return {}
    properties = cuda.get_device_properties(0)
    free, total = cuda.mem_get_info(0)
    found = {
        "gpu": properties.name,
        "gpu_memory_bytes": total - free,
        "gpu_process_bytes": cuda.memory_reserved(0),
        "gpu_memory_total_bytes": total,
    }
    percent = _gpu_percent(str(properties.uuid))
    return found if percent is None else found | {"gpu_percent": percent}


def _gpu_percent(uuid: str) -> float | None:
    """Share of the last moments in which a GPU computed, in percent; None if the driver's program does not say."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    name = uuid if uuid.startswith("GPU-") else f"GPU-{uuid}"
    command = [program, "-i", name, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_ANSWER_S, check=False)
        return float(done.stdout.strip())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
