"""The process that fetches or ingests one dataset: `python -m services.datasets.child PARENT_PID`, started by `box.py`.

It reads one line of JSON from standard input, applies the limits in it, does the task and writes one JSON object to
standard output. It has no access to the database, and it dies with the hub.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from cluster.storage.client import make_client
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from services.datasets.download import DownloadInterruptedError, DownloadLimits
from services.datasets.prefixes import upload_prefix, version_prefix
from services.datasets.processing import bring, process
from services.datasets.sources import Imports, Order, UploadedFile
from services.observability.logs import configure

_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG, linux/prctl.h
_OPEN_FILES: Final = 1024
_NICENESS: Final = 10
"""Requests and training come first."""
_FIRST_TO_DIE: Final = 800
"""OOM score, of at most 1000: when the machine runs out of memory, Linux kills this process before the platform."""


def main() -> int:
    """Do one task; return the exit status."""
    if sys.platform == "linux":
        _die_with_parent(int(sys.argv[1]))
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keep what libraries print out of the answer
    configure("json")
    os.nice(_NICENESS)
    import engine.data.versions  # noqa: F401  slow to import: the next task should not wait for it

    line = sys.stdin.buffer.readline()
    if not line:
        return 0  # the hub needs this child no longer
    errand = json.loads(line)
    _bind(errand["limits"])
    try:
        said = _ERRANDS[errand["do"]](errand)
    except MemoryError:
        said = {"exceeded": "memory"}
    except DownloadInterruptedError as error:
        said = {"broke_off": str(error)[:1000], "is_theirs": True}
    except Exception as error:  # noqa: BLE001  the edge of this process: the hub reports it and may retry
        said = {"broke_off": f"{type(error).__name__}: {error}"[:1000]}
    answer.write(json.dumps(said).encode())
    answer.close()
    return 0


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


def _bring(errand: Mapping[str, Any]) -> dict[str, Any]:
    order, imports, uploads, _ = _of(errand)
    return {"error": bring(order, uploads, imports, Path(errand["folder"]) / "source")}


def _process(errand: Mapping[str, Any]) -> dict[str, Any]:
    order, imports, uploads, version = _of(errand)
    limits = errand["limits"]

    def fetched(size: int) -> None:
        _limit_cpu(limits["cpu_s"] + limits["cpu_s_per_mib"] * size / 2**20)

    return {"outcome": asdict(process(order, uploads, version, imports, Path(errand["folder"]), fetched))}


def _of(errand: Mapping[str, Any]) -> tuple[Order, Imports, S3RunStore, S3RunStore]:
    """Decode a task; the credentials of the object store come from the environment."""
    asked, how = errand["order"], errand["imports"]
    order = Order(
        dataset_id=uuid.UUID(asked["dataset_id"]),
        source=asked["source"],
        files=tuple(UploadedFile(**file) for file in asked["files"]),
        number=asked["number"],
        record=asked["record"],
    )
    s3 = S3Settings.from_environment()
    networks = tuple(ip_network(network) for network in how.pop("networks"))
    client = make_client(s3)
    return (
        order,
        Imports(s3, DownloadLimits(**how, networks=networks)),
        S3RunStore(client, s3.bucket, upload_prefix(order.dataset_id)),
        S3RunStore(client, s3.bucket, version_prefix(order.dataset_id, order.number)),
    )


_ERRANDS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {"bring": _bring, "process": _process}

if __name__ == "__main__":
    sys.exit(main())
