"""The Ray Train trainer of a run: as many workers as the config says, restarted when they die."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from cluster.config import ResourcesConfig
from cluster.memory_kills import MOST_KILLS, MemoryWatch
from cluster.storage.arrow import ArrowS3
from cluster.storage.settings import S3Settings

if TYPE_CHECKING:
    from cluster.worker import Assignment

TRAIN_ENVIRONMENT: Final = {
    # How long the end of a run or a worker may go unnoticed; Ray's default of 2 s would be added to every run.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
}
"""Variables of a driver that Ray Train passes on to its controller and workers."""


def build_trainer(
    assignment: Assignment, *, resources: ResourcesConfig, name: str, storage: S3Settings, folder: str
) -> TorchTrainer:
    """The trainer of one launch.

    Ray Train's checkpoints are not used: the run keeps its own, exact ones in its run store. Hence each launch has a
    new `name`, under which Ray Train finds nothing to restore, and a `folder` (`bucket/prefix`) that holds only Ray
    Train's marker file.

    Args:
        assignment: what each worker does.
        resources: number of workers, and the resources of each.
        name: Ray Train's name for this launch.
        storage: the object store; a local folder would work on one node only, since all nodes must see the same folder.
        folder: where Ray Train may write.
    """
    per_worker: dict[str, float] = {"CPU": resources.cpus_per_worker}
    if resources.gpus_per_worker:
        per_worker["GPU"] = resources.gpus_per_worker
    if resources.memory_bytes_per_worker:
        per_worker["memory"] = resources.memory_bytes_per_worker
    # Passed by `**`: mypy sees the types of Ray Train v1, which `ray.train` exports when v2 is switched off.
    scaling: dict[str, Any] = {
        "num_workers": resources.num_workers,
        "use_gpu": resources.gpus_per_worker > 0,
        "resources_per_worker": per_worker,
        "label_selector": dict(resources.label_selector) or None,
    }
    run: dict[str, Any] = {
        "name": name,
        "storage_path": folder,
        "storage_filesystem": ArrowS3(storage),
        "failure_config": FailureConfig(max_failures=resources.max_failures + MOST_KILLS),
        "callbacks": [MemoryWatch(assignment.uri, assignment.storage, resources.max_failures)],
        "worker_runtime_env": {"env_vars": worker_variables(resources)},
    }
    return TorchTrainer(
        assignment.__call__,
        scaling_config=ScalingConfig(**scaling),
        torch_config=TorchConfig(backend="nccl" if resources.gpus_per_worker else "gloo"),
        run_config=RunConfig(**run),
    )


def worker_variables(resources: ResourcesConfig) -> dict[str, str]:
    """Environment of the workers from their start, because Ray Train imports torch before it calls the assignment."""
    variables = {"OMP_WAIT_POLICY": "PASSIVE"}  # see `engine.process.threads.wait_passively`
    if resources.threads_per_worker:
        variables["OMP_NUM_THREADS"] = str(resources.threads_per_worker)
    if not resources.gpus_per_worker:
        variables["CUDA_VISIBLE_DEVICES"] = ""  # a GPU that was not requested may belong to another job
    return variables
