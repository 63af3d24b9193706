"""Boxes: drivers as resource-limited child processes of the hub, which isolate the platform from hostile files.

A child has its own session, no access to the database and none to Ray. It is killed when its job is stopped or takes too
long, and it dies with the hub. One child is started ahead, so that a short job does not wait for imports.
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
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cluster.storage.settings import usable_home
from engine.data.limits import DEFAULT_LIMITS
from services.database.models import Job
from services.errors import UnavailableError
from services.jobs.kinds.ingestion import INGEST
from services.jobs.lanes import Lane, lanes_of
from services.jobs.submission import PROJECT_ROOT, Driver, DriverState, JobControl
from services.settings import MIB, Settings

TakeEvents = Callable[[uuid.UUID, Sequence[Mapping[str, Any]]], Awaitable[None]]
"""Records events of a job."""
_MOST_LINE_BYTES: Final = 4 * MIB
_MOST_BYTES: Final = 256 * MIB
"""Most bytes that a child may say: a hostile file may have taken it over."""
_MOST_ENDED: Final = 1000
"""Ended children whose state is remembered until the hub has settled their jobs."""
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
_INTERNAL: Final = "an internal error; the platform's log has it"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Box:
    """A driver in its child process."""

    job_id: uuid.UUID
    driver: Driver = field(default_factory=lambda: Driver(DriverState.RUNNING))
    task: asyncio.Task[None] | None = None


class Boxes:
    """Runs drivers, each in its own child process."""

    def __init__(self, settings: Settings, take: TakeEvents, ended: Callable[[], Awaitable[None]]) -> None:
        """Clear the work folder of what an earlier hub left; no child is started yet.

        Args:
            settings: limits, and where the object store is.
            take: records the events of a job while it runs; its files have them too.
            ended: called when a driver has ended.
        """
        self._settings = settings
        self._lanes = lanes_of(settings)
        self._take = take
        self._on_end = ended
        self._work = usable_home(settings.home) / "ingestion"
        shutil.rmtree(self._work, ignore_errors=True)  # children die with their hub, so nothing uses it
        self._work.mkdir(mode=0o700, parents=True)
        self._boxes: dict[str, _Box] = {}
        """By submission id, oldest first."""
        self._ahead: asyncio.subprocess.Process | None = None
        self._closed = False

    def of(self, job: Job) -> JobControl:
        """Control of the drivers of a job, with the limits of its lane."""
        return _Lane(self, self._lanes.get(job.lane or "", self._lanes[INGEST]))

    def submit(self, job_id: uuid.UUID, submission_id: str, module: str, config: str, lane: Lane) -> None:
        """Start a driver module with the config at an address. Idempotent by `submission_id`."""
        if submission_id in self._boxes:
            return
        box = self._boxes[submission_id] = _Box(job_id)
        box.task = asyncio.create_task(self._run(box, module, config, lane), name=f"box {submission_id}")
        ended = [name for name, each in self._boxes.items() if each.driver.state is not DriverState.RUNNING]
        for name in ended[: max(0, len(ended) - _MOST_ENDED)]:
            del self._boxes[name]

    def driver(self, submission_id: str) -> Driver:
        """The state of a driver."""
        box = self._boxes.get(submission_id)
        return box.driver if box else Driver(DriverState.MISSING, "the platform's hub was restarted")

    async def stop(self, submission_id: str) -> None:
        """Kill a driver, and wait until it has ended."""
        box = self._boxes.get(submission_id)
        if box is not None and box.task is not None:
            box.task.cancel()
            await asyncio.gather(box.task, return_exceptions=True)
            if box.driver.state is DriverState.RUNNING:  # cancelled before it began
                box.driver = Driver(DriverState.STOPPED, "stopped")

    async def close(self) -> None:
        """Kill all drivers and the idle child; no further one is started ahead."""
        self._closed = True
        for submission_id in list(self._boxes):
            await self.stop(submission_id)
        if self._ahead is not None:
            await _end(self._ahead)
            self._ahead = None

    async def _run(self, box: _Box, module: str, config: str, lane: Lane) -> None:
        """The edge of a driver: its end is a state, never an error."""
        try:
            box.driver = await self._in_child(box.job_id, module, config, lane)
        except asyncio.CancelledError:
            box.driver = Driver(DriverState.STOPPED, "stopped")
            raise
        except Exception:  # noqa: BLE001  the reconciler reports it and may retry
            _log.exception("the driver of job %s broke off", box.job_id, extra={"job_id": box.job_id})
            box.driver = Driver(DriverState.FAILED, _INTERNAL)
        try:
            await self._on_end()
        except UnavailableError as error:
            _log.warning("the end of a driver is seen only in the next round: %s", error)

    async def _in_child(self, job_id: uuid.UUID, module: str, config: str, lane: Lane) -> Driver:
        child = await self._child()
        folder = Path(tempfile.mkdtemp(prefix="job-", dir=self._work))
        errand = {
            "module": module,
            "config": config,
            "job_id": str(job_id),
            "folder": str(folder),
            "limits": {
                "memory_bytes": self._settings.dataset_memory_bytes,
                "file_bytes": DEFAULT_LIMITS.max_total_bytes,
                "cpu_s": lane.cpu_s,
                "cpu_s_per_mib": lane.cpu_s_per_mib,
            },
        }
        exceeded = None
        try:
            async with asyncio.timeout(lane.wall_s) as limit:
                exceeded = await self._exchange(child, job_id, json.dumps(errand).encode() + b"\n")
                status = await child.wait()
        except TimeoutError:
            if not limit.expired():
                raise
            exceeded, status = "wall", 0
        finally:
            await _end(child)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            await self._start_ahead()
        if status == -signal.SIGXCPU:
            exceeded = "cpu"
        if exceeded is not None:
            return Driver(DriverState.FAILED, self._told(exceeded, lane), refused=True)
        if status == 0:
            return Driver(DriverState.SUCCEEDED, exit_code=0)
        return Driver(DriverState.FAILED, _INTERNAL if status > 0 else f"it was killed by signal {-status}", status)

    async def _exchange(self, child: asyncio.subprocess.Process, job_id: uuid.UUID, line: bytes) -> str | None:
        """Send one line, and take events until the child closes its output; return the limit that it has exceeded."""
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(line)
            await child.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return None  # it has died; its exit status says why
        exceeded, count = None, 0
        while said := await child.stdout.readline():
            count += len(said)
            if count > _MOST_BYTES:
                raise ValueError(f"the driver of job {job_id} says more than {_MOST_BYTES} bytes")
            told = await asyncio.to_thread(json.loads, said) if len(said) > MIB else json.loads(said)
            exceeded = told.get("exceeded", exceeded)
            try:
                await self._take(job_id, told.get("events", ()))
            except UnavailableError as error:
                _log.warning("events of job %s are read from its files later: %s", job_id, error)
        return exceeded

    def _told(self, exceeded: str, lane: Lane) -> str:
        """The message for an exceeded limit: which one, its value, and what to do."""
        what = {
            "memory": f"needs more than {self._settings.dataset_memory_bytes / 2**30:.1f} GiB of memory",
            "cpu": f"takes more processor time than its size allows ({lane.cpu_s} s and {lane.cpu_s_per_mib} s for "
            "each MiB)",
            "wall": f"takes longer than {lane.wall_s:g} s",
        }[exceeded]
        return (
            f"Processing {what}. Split the dataset into smaller ones, and look for a file or a value in it that is far "
            "larger than the others."
        )

    async def _child(self) -> asyncio.subprocess.Process:
        """The idle child, or a new one."""
        child, self._ahead = self._ahead, None
        return child if child is not None and child.returncode is None else await self._start()

    async def _start_ahead(self) -> None:
        if self._closed or (self._ahead is not None and self._ahead.returncode is None):
            return
        child = await self._start()
        if self._closed or (self._ahead is not None and self._ahead.returncode is None):
            await _end(child)  # meanwhile closed, or another driver's end has started one
        else:
            self._ahead = child

    async def _start(self) -> asyncio.subprocess.Process:
        paths = [str(PROJECT_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
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
            "services.jobs.box_child",
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MOST_LINE_BYTES,
            env=environment,
            cwd=self._work,
            start_new_session=True,
        )


@dataclass(frozen=True, slots=True)
class _Lane:
    """Control of drivers in boxes, with the limits of a lane."""

    boxes: Boxes
    lane: Lane

    async def submit(self, job_id: uuid.UUID, submission_id: str, module: str, config: str) -> None:
        """Start a driver module with the config at an address. Idempotent by `submission_id`."""
        self.boxes.submit(job_id, submission_id, module, config, self.lane)

    async def driver(self, submission_id: str) -> Driver:
        """The state of a driver."""
        return self.boxes.driver(submission_id)

    async def stop(self, submission_id: str) -> None:
        """Kill a driver, and wait until it has ended."""
        await self.boxes.stop(submission_id)


async def _end(child: asyncio.subprocess.Process) -> None:
    """Kill a child and its process group, and wait until it has ended."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    await asyncio.shield(child.wait())
