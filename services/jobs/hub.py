"""The hub: one named, detached Ray actor that records the events of runs in PostgreSQL and runs the background tasks.

It holds no state that matters. If it is killed, Ray restarts it and it continues from the rows; events that a run sent
meanwhile are in the run's own files, from which they are read when the run has ended.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ray

from cluster.runtime import live_nodes
from cluster.storage.client import make_client
from cluster.storage.from_hub import HUB as ASK_HUB
from cluster.storage.from_hub import VARIABLE as STORAGE_VARIABLE
from cluster.storage.run_store import S3RunStore
from services.background import Background, BackgroundTask
from services.database.engine import create_engine, create_sessions, open_session
from services.database.housekeeping import sweep
from services.database.notify import WORK, Listener, notify
from services.datasets.housekeeping import DatasetHousekeeping
from services.errors import HubError
from services.jobs.boxes import Boxes
from services.jobs.deletion import purge
from services.jobs.intake import take_events
from services.jobs.lanes import TASK as FOLLOWING_LANES
from services.jobs.lanes import Lanes
from services.jobs.queue import Labels
from services.jobs.reconciler import TASK as FOLLOWING
from services.jobs.reconciler import Capacity, Reconciler, Runs
from services.jobs.retention import prune
from services.jobs.submission import PROJECT_ROOT, RayJobs
from services.notifications.sender import WebhookSender
from services.observability import metrics
from services.observability.logs import configure
from services.pipelines.runner import PipelineRunner
from services.settings import Settings

if TYPE_CHECKING:
    from ray.actor import ActorHandle

NAME: Final = "lim-hub"
NAMESPACE: Final = "less-is-more"
_PATIENCE_S: Final = 3.0
"""How long the hub retries requests to an object store that does not answer; the next round retries again."""
_STOP_S: Final = 30.0
_SWEEP_S: Final = 600.0
_THREADS: Final = 64
_log = logging.getLogger(__name__)


class Hub:
    """The actor's class. `start_hub` starts it; `ray.get_actor(NAME, NAMESPACE)` finds it."""

    async def __init__(self, settings: Settings, command: str | None = None) -> None:  # type: ignore[misc]  # async
        """Start the background tasks.

        Args:
            settings: where the database and the object store are.
            command: run instead of the training driver; for tests.
        """
        configure(settings.log_format)
        metrics.enable()
        self._settings = settings
        self._engine = create_engine(settings.database_url, pool_size=settings.database_pool)
        self._sessions = create_sessions(self._engine)
        client = make_client(settings.s3)

        def store(prefix: str) -> S3RunStore:
            return S3RunStore(client, settings.s3.bucket, prefix, patience_s=_PATIENCE_S)

        # Ray shows the environment of its jobs, so drivers ask this actor for the keys of the object store.
        control = RayJobs({STORAGE_VARIABLE: ASK_HUB, "LIM_HOME": str(settings.home)}, command)
        self._runs = Runs(settings.s3.bucket, store)
        self._reconciler = Reconciler(settings, self._sessions, self._runs, control, _capacity, _labels)
        boxes = Boxes(settings, partial(take_events, self._sessions), self._wake)
        self._lanes = Lanes(settings, self._sessions, self._runs, boxes.of)
        self._datasets = DatasetHousekeeping(settings, self._sessions, store)
        self._pipelines = PipelineRunner(settings, self._sessions)
        self._webhooks = WebhookSender(settings, self._sessions)
        self._sweep_at = time.monotonic() + _SWEEP_S
        # A call that hangs occupies a thread until it times out; the tasks must not wait for each other's threads.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="hub"))
        self._background = Background(self._sessions, Listener(settings.database_url, WORK), self._tasks())
        self._background.start()

    async def push(self, job_id: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Record a batch of a job's events; known ones are dropped.

        Raises:
            UnavailableError: the database is unreachable; the caller must send the batch again.
        """
        try:
            wanted = uuid.UUID(job_id)
        except ValueError:
            _log.warning("events of %r are dropped: that is no job of ours", job_id)
            return
        await take_events(self._sessions, wanted, events)

    async def storage(self) -> dict[str, str]:
        """The environment variables with which a driver reaches the platform's object store."""
        return self._settings.s3.environment()

    async def pid(self) -> int:
        """PID of the actor's process; a liveness check."""
        return os.getpid()

    def _tasks(self) -> list[BackgroundTask]:
        period_s = self._settings.reconcile_s
        return [
            BackgroundTask(FOLLOWING, self._reconciler.follow, period_s),
            BackgroundTask("queue", self._reconciler.submit, period_s),
            BackgroundTask(FOLLOWING_LANES, self._lanes.follow, period_s),
            BackgroundTask("lanes", self._lanes.submit, period_s),
            BackgroundTask("deletions", partial(purge, self._sessions, self._runs), period_s),
            BackgroundTask("datasets", self._datasets.round, period_s),
            BackgroundTask("pipelines", self._pipelines.round, period_s),
            BackgroundTask("webhooks", self._webhooks.round, period_s),
            BackgroundTask("housekeeping", self._sweep, period_s, limit_s=_SWEEP_S),
        ]

    async def _wake(self) -> None:
        """Start the next round of each task now."""
        async with open_session(self._sessions) as session:
            await notify(session, WORK)
            await session.commit()

    async def _sweep(self) -> None:
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + _SWEEP_S
            await sweep(self._sessions, self._settings)
            await prune(self._sessions, self._settings, self._runs)
            await self._datasets.purge_late()


async def _capacity() -> Capacity:
    resources = await asyncio.to_thread(ray.cluster_resources)
    return Capacity(*(float(resources.get(name, 0.0)) for name in ("CPU", "GPU", "memory")))


async def _labels() -> Sequence[Labels]:
    return [node.labels for node in await asyncio.to_thread(live_nodes)]


def start_hub(settings: Settings, command: str | None = None) -> ActorHandle[Hub]:
    """Start a hub with these settings, replacing one that runs; it outlives this process.

    Args:
        settings: where the database and the object store are.
        command: run instead of the training driver; for tests.

    Raises:
        HubError: this process is not connected to a cluster, or a hub that runs does not end.
    """
    if not ray.is_initialized():  # Ray would start a cluster of its own
        raise HubError("this process is not connected to a Ray cluster; connect it first")
    stop_hub()
    actor: Any = ray.remote(Hub)  # the return type of ray.remote is a union
    handle: ActorHandle[Hub] = actor.options(
        name=NAME,
        namespace=NAMESPACE,
        lifetime="detached",
        max_restarts=-1,
        num_cpus=0,
        runtime_env={"env_vars": {"PYTHONPATH": str(PROJECT_ROOT)}},
    ).remote(settings, command)
    return handle


def stop_hub() -> None:
    """Kill the hub, if there is one, without a restart. Running drivers continue; a new hub takes them over."""
    deadline = time.monotonic() + _STOP_S
    while True:
        try:
            ray.kill(ray.get_actor(NAME, NAMESPACE), no_restart=True)
        except ValueError:
            return  # its name is free
        if time.monotonic() > deadline:
            raise HubError(f"the hub does not end within {_STOP_S:.0f} s; see `ray list actors`")
        time.sleep(0.05)
