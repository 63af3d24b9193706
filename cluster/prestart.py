"""Starts a run's worker processes early, so that they import torch while Ray Train's driver and controller start.

Ray Train starts workers last: job, driver, controller, workers come one after the other, and then some seconds of
imports. Here the raylet is asked for a process with the very runtime environment that the training worker will have.
It imports what training needs before it takes work, and Ray gives it to the training worker, because the environments
are the same. A driver asks when it begins (`prestart`), a platform before there is a job at all (`keep_ready`). Both are
shortcuts only: where they fail, Ray Train starts a process as ever, and Ray ends the early one.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster import ready
from cluster.runtime import Node

# Read by Ray Train when it is imported, and handed on to its controller and workers.
TRAIN_ENVIRONMENT: Final = {
    "RAY_TRAIN_V2_ENABLED": "1",
    # How long the end of a run, or of a worker, goes unnoticed.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    # An actor of its own, for a warning that nothing here reads: checkpoints do not wait for it.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
}
_HOOK: Final = "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR"
_WARN_BLOCKING: Final = "RAY_WARN_BLOCKING_GET_INSIDE_ASYNC"
_PYTHON: Final = 0  # of Ray's languages
_ANSWER_S: Final = 2.0
_KEEP_S: Final = 120
_KEEP_READY_S: Final = 86_400
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerEnvironment:
    """The runtime environment of a run's workers, where they import early."""

    variables: Mapping[str, str]
    """What they have in their environment besides the job's; Ray Train must be given the same."""
    whole: Mapping[str, Any]
    """Together with the job's."""

    @property
    def key(self) -> str:
        """Names it: a worker that is ready fits a run with the same key."""
        return self.variables[ready.KEY]


def worker_environment(packages: Path, job: Mapping[str, Any], environ: Mapping[str, str]) -> WorkerEnvironment:
    """What a worker that imports early has for its environment; for workers without GPUs.

    (Ray chooses a worker's GPUs when it gets work, and the imports ask for GPUs.)

    Args:
        packages: folder of our packages on the worker's node.
        job: the job's runtime environment.
        environ: the driver's environment variables.
    """
    path = os.pathsep.join(filter(None, (str(packages), environ.get("PYTHONPATH", ""))))
    # Ray Train hands on some variables by itself. With all that it could hand on among ours, the whole is known.
    variables = {name: value for name, value in environ.items() if name.startswith(("RAY_TRAIN_", "NCCL_RAS_"))}
    variables[_WARN_BLOCKING] = environ.get(_WARN_BLOCKING, "0")
    variables |= {_HOOK: "cluster.preload.import_early", "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}
    variables[ready.KEY] = ready.key_of(_together(job, variables))
    return WorkerEnvironment(variables, _together(job, variables))


def prestart(node: Node, workers: int, environment: WorkerEnvironment) -> bool:
    """Have worker processes for this driver's job: take those that are ready, and ask the node for the others.

    Args:
        node: the one that will hold all workers of the run.
        workers: how many.
        environment: the trainer must get its variables.

    Returns:
        Whether they are there, or will be.
    """
    import ray

    folder = ready.session_folder()
    if folder is not None and ray.get_runtime_context().get_node_id() == node.id:
        workers -= ready.take(folder, environment.key, workers)
    job_id = bytes.fromhex(ray.get_runtime_context().get_job_id())
    return workers == 0 or _ask(node, workers, environment, job_id, _KEEP_S)


def keep_ready(node: Node, workers: int, environment: WorkerEnvironment) -> bool:
    """Have the node start processes for whichever job comes first; they wait for a day."""
    from ray import JobID

    return _ask(node, workers, environment, JobID.nil().binary(), _KEEP_READY_S)


def _ask(node: Node, workers: int, environment: WorkerEnvironment, job_id: bytes, keep_s: int) -> bool:
    import grpc  # type: ignore[import-untyped]
    from ray._private.grpc_utils import init_grpc_channel

    messages: Any = importlib.import_module("ray.core.generated.node_manager_pb2")
    services: Any = importlib.import_module("ray.core.generated.node_manager_pb2_grpc")
    request = messages.PrestartWorkersRequest(
        language=_PYTHON,
        job_id=job_id,
        runtime_env_info=_as_ray_writes_it(environment.whole),
        keep_alive_duration_secs=keep_s,
        num_workers=workers,
    )
    try:
        channel = init_grpc_channel(node.address)
        with channel:
            services.NodeManagerServiceStub(channel).PrestartWorkers(request, timeout=_ANSWER_S)
    except grpc.RpcError as error:
        _log.debug("%s starts no worker early: %s", node.name, error)
        return False
    return True


def _together(job: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    return {**job, "env_vars": {**job.get("env_vars", {}), **variables}}


def _as_ray_writes_it(whole: Mapping[str, Any]) -> Any:
    """The runtime environment of Ray Train's workers, written as Ray will write it: it compares the text."""
    from ray._private.utils import get_runtime_env_info
    from ray.runtime_env import RuntimeEnv

    info = get_runtime_env_info(RuntimeEnv(**whole))
    written = json.loads(info.serialized_runtime_env)
    info.serialized_runtime_env = json.dumps(written, sort_keys=True, separators=(",", ":"))
    return info
