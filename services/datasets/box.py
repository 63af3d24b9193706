"""Fetch and ingest datasets in resource-limited child processes, which isolate the hub from hostile files.

A child has its own session. It is killed when its task is cancelled (the dataset was deleted, the hub stops) or takes
too long, and it dies with the hub. One child is started ahead, so that a small dataset does not wait for imports.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from cluster.storage.settings import usable_home
from engine.data.limits import DEFAULT_LIMITS
from services.datasets.download import DownloadInterruptedError
from services.datasets.processing import Outcome, Version
from services.datasets.sources import Imports, Order
from services.settings import MIB, Settings

_ROOT: Final = Path(__file__).parents[2]
_MOST_ANSWER_BYTES: Final = 256 * MIB
_FETCH_CPU_S: Final = 900
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
_log = logging.getLogger(__name__)


class BrokeOffError(Exception):
    """A child's task was interrupted; a retry may succeed."""


class Box:
    """Runs tasks, each in its own child process."""

    def __init__(self, settings: Settings) -> None:
        """Clear the work folder of what an earlier hub left; no child is started yet.

        Args:
            settings: limits, and where the object store is.
        """
        self._settings = settings
        self._imports = Imports.of(settings)
        self._work = usable_home(settings.home) / "ingestion"
        shutil.rmtree(self._work, ignore_errors=True)  # children die with their hub, so nothing uses it
        self._work.mkdir(mode=0o700, parents=True)
        self._ahead: asyncio.subprocess.Process | None = None
        self._closed = False

    async def bring(self, order: Order) -> str | None:
        """Fetch the recordings of a dataset from its source into the object store.

        Returns:
            Why there are none, if a retry would not help; else None.

        Raises:
            BrokeOffError, DownloadInterruptedError: a retry may succeed.
        """
        limits = self._limits(cpu_s=_FETCH_CPU_S)
        said = await self._run("bring", order, limits, self._settings.import_s + 60.0)
        if "exceeded" in said:
            return self._told(said["exceeded"])
        error: str | None = said["error"]
        return error

    async def process(self, order: Order) -> Outcome:
        """Make a version of a dataset.

        Raises:
            BrokeOffError, DownloadInterruptedError: a retry may succeed.
        """
        limits = self._limits(cpu_s=self._settings.dataset_cpu_s)
        said = await self._run("process", order, limits, self._settings.dataset_wall_s)
        if "exceeded" in said:
            return Outcome(version=None, error=self._told(said["exceeded"]), report=None)
        made = said["outcome"]
        version = Version(**made["version"]) if made["version"] is not None else None
        return Outcome(version=version, error=made["error"], report=made["report"])

    async def close(self) -> None:
        """End the idle child; no further one is started ahead."""
        self._closed = True
        if self._ahead is not None:
            await _end(self._ahead)
            self._ahead = None

    def _limits(self, cpu_s: int) -> dict[str, int]:
        return {
            "memory_bytes": self._settings.dataset_memory_bytes,
            "file_bytes": DEFAULT_LIMITS.max_total_bytes,
            "cpu_s": cpu_s,
            "cpu_s_per_mib": self._settings.dataset_cpu_s_per_mib,
        }

    def _told(self, exceeded: str) -> str:
        """The message for an exceeded limit: which one, its value, and what to do."""
        settings = self._settings
        what = {
            "memory": f"needs more than {settings.dataset_memory_bytes / 2**30:.1f} GiB of memory",
            "cpu": f"takes more processor time than its size allows ({settings.dataset_cpu_s} s and "
            f"{settings.dataset_cpu_s_per_mib} s for each MiB)",
            "wall": f"takes longer than {settings.dataset_wall_s} s",
        }[exceeded]
        return (
            f"Processing {what}. Split the dataset into smaller ones, and look for a file or a value in it that is far "
            "larger than the others."
        )

    async def _run(self, do: str, order: Order, limits: Mapping[str, int], wall_s: float) -> dict[str, Any]:
        child = await self._child()
        folder = Path(tempfile.mkdtemp(prefix=f"{do}-", dir=self._work))
        try:
            async with asyncio.timeout(wall_s) as limit:
                line = json.dumps(self._errand(do, order, limits, folder)).encode()
                answer = await _exchange(child, line + b"\n")
                status = await child.wait()
        except TimeoutError:
            if not limit.expired():
                raise
            return {"exceeded": "wall"}
        finally:
            await _end(child)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            await self._start_ahead()
        if status == -signal.SIGXCPU:
            return {"exceeded": "cpu"}
        if not answer:
            raise BrokeOffError(f"the process ended with status {status}")
        said: dict[str, Any] = await asyncio.to_thread(json.loads, answer)
        if "broke_off" in said:
            if said.get("is_theirs"):
                raise DownloadInterruptedError(said["broke_off"])
            raise BrokeOffError(said["broke_off"])
        return said

    def _errand(self, do: str, order: Order, limits: Mapping[str, int], folder: Path) -> dict[str, Any]:
        how = asdict(self._imports.limits)
        return {
            "do": do,
            "order": {**asdict(order), "dataset_id": str(order.dataset_id)},
            "imports": {**how, "networks": [str(network) for network in how["networks"]]},
            "limits": limits,
            "folder": str(folder),
        }

    async def _child(self) -> asyncio.subprocess.Process:
        """The idle child, or a new one."""
        child, self._ahead = self._ahead, None
        return child if child is not None and child.returncode is None else await self._start()

    async def _start_ahead(self) -> None:
        if self._ahead is None or self._ahead.returncode is not None:
            child = await self._start()
            if self._closed:
                await _end(child)
            else:
                self._ahead = child

    async def _start(self) -> asyncio.subprocess.Process:
        paths = [str(_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
            "LIM_HOME": str(self._settings.home),
            "TMPDIR": str(self._work),
            "ARROW_DEFAULT_MEMORY_POOL": "system",  # other pools reserve more than the memory limit
            "MALLOC_ARENA_MAX": "4",
            **self._settings.s3.environment(),
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.datasets.child",
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            cwd=self._work,
            start_new_session=True,
        )


async def _exchange(child: asyncio.subprocess.Process, line: bytes) -> bytes:
    """Send one line, and read all that comes back."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(line)
        await child.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return b""  # it has died; its exit status says why
    found = bytearray()
    while part := await child.stdout.read(2**16):
        found += part
        if len(found) > _MOST_ANSWER_BYTES:
            raise BrokeOffError(f"the report has more than {_MOST_ANSWER_BYTES} bytes; split the dataset")
    return bytes(found)


async def _end(child: asyncio.subprocess.Process) -> None:
    """Kill a child and its process group, and wait until it has ended."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    await asyncio.shield(child.wait())
