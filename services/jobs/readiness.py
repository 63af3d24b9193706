"""Keeps training processes ready while no job runs, so that the next job need not wait for them to start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import psutil
from sqlalchemy import select

from cluster import ready
from cluster.prestart import TRAIN_ENVIRONMENT, keep_ready, worker_environment
from cluster.runtime import live_nodes
from services.database.engine import Sessions, open_session
from services.database.models import Job
from services.jobs.states import ACTIVE
from services.jobs.submission import PROJECT_ROOT

_BUSY: Final = ACTIVE - {"stopping"}  # that is over in a moment
_START_S: Final = 30.0
"""How long a process may take to begin before another is asked for."""
_LEAST_FREE_BYTES: Final = 2 * 2**30
"""Memory of the node below which nothing is kept: what is running may need it."""


class ReadyWorkers:
    """Looks whether so many are ready, and asks the cluster for those that are missing."""

    def __init__(
        self, sessions: Sessions, wanted: int, runtime_env: Mapping[str, Any], environ: Mapping[str, str]
    ) -> None:
        """A keeper of processes for jobs of one kind.

        Args:
            sessions: of the database with the jobs.
            wanted: processes that wait.
            runtime_env: of the jobs' drivers.
            environ: the environment variables of a process on the cluster.
        """
        self._sessions = sessions
        self._wanted = wanted
        # A driver has its job's variables over those of its node, and sets Ray Train's where they are unset.
        drivers = {**TRAIN_ENVIRONMENT, **environ, **runtime_env["env_vars"]}
        self._environment = worker_environment(PROJECT_ROOT, runtime_env, drivers)
        self._ask_at = 0.0

    async def round(self) -> None:
        """One look. Nothing is started while a job runs or waits: it would take the processor from its start."""
        if not self._wanted:
            return
        folder = ready.session_folder()
        missing = self._wanted - (ready.count(folder, self._environment.key) if folder else 0)
        if missing <= 0:
            self._ask_at = 0.0
        elif folder and time.monotonic() >= self._ask_at and not await self._is_busy():
            self._ask_at = time.monotonic() + _START_S
            await asyncio.to_thread(self._ask, missing)

    def _ask(self, missing: int) -> None:
        nodes = live_nodes()
        # With several nodes it is not known where the next run will be, and with a GPU not which one it will get.
        free_bytes = psutil.virtual_memory().available
        if len(nodes) == 1 and not nodes[0].gpus and free_bytes > _LEAST_FREE_BYTES:
            keep_ready(nodes[0], missing, self._environment)

    async def _is_busy(self) -> bool:
        async with open_session(self._sessions) as session:
            found = await session.scalar(select(Job.id).where(Job.status.in_(_BUSY)).limit(1))
        return found is not None
