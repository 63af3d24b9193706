"""Ray Jobs for the reconciler: submit, query and stop drivers, off the event loop."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from services.errors import ServiceError

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]


class ClusterUnreachableError(ServiceError):
    """Ray's Jobs API does not answer; running drivers continue."""


class DriverState(StrEnum):
    """State of a submission, as Ray reports it."""

    MISSING = "missing"
    """Never submitted, or the cluster that knew it is gone."""
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Driver:
    """A job's driver process, as Ray sees it."""

    state: DriverState
    message: str = ""
    exit_code: int | None = None
    refused: bool = False
    """Whether it reached a limit, as another one would; the message says which."""


class JobControl(Protocol):
    """Control of drivers on a cluster. Every call may raise `ClusterUnreachableError`."""

    async def submit(self, job_id: uuid.UUID, submission_id: str, module: str, config: str) -> None:
        """Start a driver module with the config at an address. Idempotent by `submission_id`."""

    async def driver(self, submission_id: str) -> Driver:
        """The state of a driver."""
        ...

    async def stop(self, submission_id: str) -> None:
        """End a driver: SIGTERM, then SIGKILL."""


class RayJobs:
    """Drivers as Ray Jobs on the cluster that this process is connected to."""

    def __init__(self, environment: Mapping[str, str], command: str | None = None) -> None:
        """Jobs with these environment variables.

        Args:
            environment: what a driver needs to reach object storage.
            command: what is run, before `--config ADDRESS`; by default the driver's module.
        """
        paths = [str(PROJECT_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        self._variables = {
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
            # Seconds between SIGTERM, at which a driver saves a checkpoint, and SIGKILL.
            "RAY_JOB_STOP_WAIT_TIME_S": "10",
            **environment,
        }
        self._command = command
        self._client: JobSubmissionClient | None = None

    async def submit(self, job_id: uuid.UUID, submission_id: str, module: str, config: str) -> None:
        """Start a driver module with the config at an address. Idempotent by `submission_id`."""
        await asyncio.to_thread(self._submit, str(job_id), submission_id, module, config)

    async def driver(self, submission_id: str) -> Driver:
        """The state of a driver."""
        return await asyncio.to_thread(self._driver, submission_id)

    async def stop(self, submission_id: str) -> None:
        """End a driver: SIGTERM, then SIGKILL."""
        await asyncio.to_thread(self._stop, submission_id)

    def _submit(self, job_id: str, submission_id: str, module: str, config: str) -> None:
        command = self._command or f"{shlex.quote(sys.executable)} -m {module}"
        try:
            self._connected().submit_job(
                entrypoint=f"{command} --config {shlex.quote(config)}",
                submission_id=submission_id,
                runtime_env={"env_vars": {**self._variables, "LIM_JOB_ID": job_id}},
                metadata={"lim_job_id": job_id},
            )
        except (RuntimeError, OSError) as error:
            if "already exists" not in str(error):
                raise self._lost(error) from error

    def _driver(self, submission_id: str) -> Driver:
        try:
            info = self._connected().get_job_info(submission_id)
        except (RuntimeError, OSError) as error:
            if "status code 404" in str(error):
                return Driver(DriverState.MISSING)
            raise self._lost(error) from error
        return Driver(DriverState(info.status.value.lower()), info.message or "", info.driver_exit_code)

    def _stop(self, submission_id: str) -> None:
        try:
            self._connected().stop_job(submission_id)
        except (RuntimeError, OSError) as error:
            if "status code 404" not in str(error):
                raise self._lost(error) from error

    def _connected(self) -> JobSubmissionClient:
        if self._client is None:
            import ray
            from ray.job_submission import JobSubmissionClient

            self._client = JobSubmissionClient(ray.get_runtime_context().gcs_address)
        return self._client

    def _lost(self, error: Exception) -> ClusterUnreachableError:
        self._client = None  # a restarted dashboard may have another address
        return ClusterUnreachableError(f"Ray's Jobs API does not answer: {error}")
