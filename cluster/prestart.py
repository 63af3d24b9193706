"""Starts a run's worker processes early, so that they import torch while Ray Train's driver and controller start.

Ray Train starts workers last: job, driver, controller, workers come one after the other, and then some seconds of
imports. Here the raylet is asked for a process with the very runtime environment that the training worker will have.
It imports what training needs before it takes work, and Ray gives it to the training worker, because the environments
are the same. It is a shortcut only: where it fails, Ray Train starts a process as ever, and Ray ends the early one.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cluster.runtime import Node

_HOOK: Final = "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR"
_WARN_BLOCKING: Final = "RAY_WARN_BLOCKING_GET_INSIDE_ASYNC"
_PYTHON: Final = 0  # of Ray's languages
_ANSWER_S: Final = 2.0
_KEEP_S: Final = 120
_log = logging.getLogger(__name__)


def worker_variables(packages: Path) -> dict[str, str]:
    """What a worker that imports early has in its environment besides; for workers without GPUs.

    (Ray chooses a worker's GPUs when it gets work, and the imports ask for GPUs.)

    Args:
        packages: folder of our packages on the worker's node.
    """
    path = os.pathsep.join(filter(None, (str(packages), os.environ.get("PYTHONPATH", ""))))
    # Ray Train hands on some variables by itself. With all that it could hand on among ours, the whole is known.
    handed_on = {name: value for name, value in os.environ.items() if name.startswith(("RAY_TRAIN_", "NCCL_RAS_"))}
    handed_on[_WARN_BLOCKING] = os.environ.get(_WARN_BLOCKING, "0")
    hook = {_HOOK: "cluster.preload.import_early"}
    return {**handed_on, **hook, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}


def prestart(node: Node, workers: int, variables: Mapping[str, str]) -> bool:
    """Ask a node for worker processes; whether it will start them.

    Args:
        node: the one that will hold all workers of the run.
        workers: how many.
        variables: of `worker_variables`; the trainer must get the same.
    """
    import grpc  # type: ignore[import-untyped]
    import ray
    from ray._private.grpc_utils import init_grpc_channel

    messages: Any = importlib.import_module("ray.core.generated.node_manager_pb2")
    services: Any = importlib.import_module("ray.core.generated.node_manager_pb2_grpc")
    request = messages.PrestartWorkersRequest(
        language=_PYTHON,
        job_id=bytes.fromhex(ray.get_runtime_context().get_job_id()),
        runtime_env_info=_environment_of_workers(variables),
        keep_alive_duration_secs=_KEEP_S,
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


def _environment_of_workers(variables: Mapping[str, str]) -> Any:
    """The runtime environment of Ray Train's workers, written as Ray will write it: it compares the text."""
    import ray
    from ray._private.utils import get_runtime_env_info
    from ray.runtime_env import RuntimeEnv

    job = json.loads(ray.get_runtime_context().get_runtime_env_string() or "{}")
    whole = {**job, "env_vars": {**job.get("env_vars", {}), **variables}}
    info = get_runtime_env_info(RuntimeEnv(**whole))
    written = json.loads(info.serialized_runtime_env)
    info.serialized_runtime_env = json.dumps(written, sort_keys=True, separators=(",", ":"))
    return info
