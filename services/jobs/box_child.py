"""The process in which one driver runs: `python -m services.jobs.box_child PARENT_PID`, started by `boxes.py`.

It reads one line of JSON from standard input, applies the limits in it and runs the driver. It writes lines of JSON to
standard output: events, or the limit that it has reached. It has no access to the database, and it dies with the hub.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from cluster import ingest
from cluster.event_relay import Batch, DeliveryError
from services.observability.logs import configure

_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG, linux/prctl.h
_OPEN_FILES: Final = 1024
_NICENESS: Final = 10
"""Requests and training come first."""
_FIRST_TO_DIE: Final = 800
"""OOM score, of at most 1000: when the machine runs out of memory, Linux kills this process before the platform."""
_DRIVERS: Final[Mapping[str, Callable[[list[str], ingest.Host], int]]] = {"cluster.ingest": ingest.main}
"""What may run in a box, by module."""
_log = logging.getLogger(__name__)


class _Pipe:
    """Delivers events to the hub."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def deliver(self, batch: Batch) -> None:
        """Write a batch as one line."""
        try:
            self.say({"events": list(batch)})
        except OSError as error:
            raise DeliveryError(f"the hub does not read: {error}") from error

    def say(self, said: Mapping[str, Any]) -> None:
        """Write one line."""
        self._stream.write(json.dumps(said).encode() + b"\n")
        self._stream.flush()


def main() -> int:
    """Run one driver; return its exit status."""
    if sys.platform == "linux":
        _die_with_parent(int(sys.argv[1]))
    pipe = _Pipe(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # keep what libraries print out of the answer
    configure("json")
    os.nice(_NICENESS)
    _warm_up()
    line = sys.stdin.buffer.readline()
    if not line:
        return 0  # the hub needs this child no longer
    errand = json.loads(line)
    limits = errand["limits"]
    _bind(limits)
    host = ingest.Host(
        job_id=errand["job_id"],
        events=pipe,
        on_fetched=lambda size: _limit_cpu(limits["cpu_s"] + limits["cpu_s_per_mib"] * size / 2**20),
        work=Path(errand["folder"]),
    )
    try:
        return _DRIVERS[errand["module"]](["--config", errand["config"]], host)
    except MemoryError:
        pipe.say({"exceeded": "memory"})
    except Exception:  # noqa: BLE001  the edge of this process: the hub reports it and may retry
        _log.exception("the driver failed", extra={"job_id": errand["job_id"]})
    return 1


def _warm_up() -> None:
    """Import and build what takes long, so that the next job does not wait for it."""
    for module in ("cluster.stop_flag", "cluster.storage.embedded", "engine.data.telling", "engine.data.versions"):
        importlib.import_module(module)
    from cluster.storage.client import make_client
    from cluster.storage.settings import S3Settings

    make_client(S3Settings.from_environment())  # boto3 keeps the descriptions of services that it has read


def _die_with_parent(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the hub has died meanwhile")
    Path("/proc/self/oom_score_adj").write_text(str(_FIRST_TO_DIE))


def _bind(limits: Mapping[str, int]) -> None:
    """Apply limits that this process cannot lift again."""
    # Not RLIMIT_AS: Arrow and the allocator reserve far more address space than they use. Not RLIMIT_NPROC: it counts
    # all processes of the user, the platform's own included.
    _limit(resource.RLIMIT_DATA, limits["memory_bytes"])
    _limit(resource.RLIMIT_FSIZE, limits["file_bytes"])
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    _limit_cpu(limits["cpu_s"])


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _limit_cpu(more_s: float) -> None:
    """Limit the CPU time from now on; at the limit, SIGXCPU ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + more_s) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # everything is stored: the hub need not wait for the interpreter to take itself down
