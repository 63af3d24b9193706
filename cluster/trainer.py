"""The Ray Train trainer of a run: as many workers as the config says, started again when they die."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from cluster.config import ResourcesConfig
from cluster.storage.arrow import ArrowS3
from cluster.storage.settings import S3Settings

if TYPE_CHECKING:
    from cluster.worker import Assignment

TRAIN_ENVIRONMENT: Final = {
    # How long the end of a run, or of a worker, goes unnoticed; Ray's 2 s would be added to every run.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
}
"""Variables of a driver that Ray Train hands on to its controller and workers."""


def build_trainer(
    assignment: Assignment, *, resources: ResourcesConfig, name: str, storage: S3Settings, folder: str
) -> TorchTrainer:
    """The trainer of one launch.

    Checkpoints are not Ray Train's: the run's own, in its run store, are exact. Hence a new `name` each time, under
    which Ray Train finds nothing to restore, and a `folder` (`bucket/prefix`) that holds nothing but its marker file.

    Args:
        assignment: what each worker does.
        resources: workers, and what each takes.
        name: of this launch, for Ray Train.
        storage: the object store. A local folder would do on one node only: Ray Train checks that all nodes see it.
        folder: where Ray Train may write.
    """
    per_worker: dict[str, float] = {"CPU": resources.cpus_per_worker}
    if resources.gpus_per_worker:
        per_worker["GPU"] = resources.gpus_per_worker
    if resources.memory_bytes_per_worker:
        per_worker["memory"] = resources.memory_bytes_per_worker
    # By name: mypy reads the types of Ray Train's first version, which `ray.train` shows when the second is switched off.
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
        "failure_config": FailureConfig(max_failures=resources.max_failures),
        "worker_runtime_env": {"env_vars": worker_variables(resources)},
    }
    return TorchTrainer(
        assignment.__call__,
        scaling_config=ScalingConfig(**scaling),
        torch_config=TorchConfig(backend="nccl" if resources.gpus_per_worker else "gloo"),
        run_config=RunConfig(**run),
    )


def worker_variables(resources: ResourcesConfig) -> dict[str, str]:
    """What workers have in their environment from the start: Ray Train imports torch before it calls them."""
    variables = {"OMP_WAIT_POLICY": "PASSIVE"}  # see `engine.threads.wait_passively`
    if resources.threads_per_worker:
        variables["OMP_NUM_THREADS"] = str(resources.threads_per_worker)
    if not resources.gpus_per_worker:
        variables["CUDA_VISIBLE_DEVICES"] = ""  # a GPU that was not asked for may be somebody else's
    return variables
