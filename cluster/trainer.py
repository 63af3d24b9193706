"""A Ray Train trainer for a run: as many workers as the config says, started again when they die."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ray
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.scaling_policy.fixed import FixedScalingPolicy
from ray.train.v2._internal.execution.worker_group import state as worker_group_state
from ray.train.v2._internal.execution.worker_group import worker_group
from ray.train.v2.api.config import FailureConfig, RunConfig, ScalingConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from cluster.config import ResourcesConfig
from cluster.storage.arrow import ArrowS3
from cluster.storage.settings import S3Settings

if TYPE_CHECKING:
    from cluster.worker import Assignment


def build_trainer(
    assignment: Assignment,
    *,
    resources: ResourcesConfig,
    name: str,
    storage: S3Settings,
    folder: str,
    variables: Mapping[str, str],
) -> DataParallelTrainer:
    """The trainer of one launch.

    Checkpoints are not Ray Train's: the run's own, in its run store, are exact. Hence a new `name` each time, under
    which Ray Train finds nothing to restore, and a `folder` (`bucket/prefix`) that holds nothing but its marker file.

    Args:
        assignment: what each worker does.
        resources: workers, and what each takes.
        name: of this launch, for Ray Train.
        storage: the object store. A local folder would do on one node only: Ray Train checks that all nodes see it.
        folder: where Ray Train may write.
        variables: what workers have in their environment besides.
    """
    per_worker: dict[str, float] = {"CPU": resources.cpus_per_worker}
    if resources.gpus_per_worker:
        per_worker["GPU"] = resources.gpus_per_worker
    if resources.memory_bytes_per_worker:
        per_worker["memory"] = resources.memory_bytes_per_worker
    settings: dict[str, Any] = {
        "train_loop_per_worker": assignment.__call__,
        "scaling_config": ScalingConfig(
            num_workers=resources.num_workers,
            use_gpu=resources.gpus_per_worker > 0,
            resources_per_worker=per_worker,
            label_selector=dict(resources.label_selector) or None,
        ),
        "run_config": RunConfig(
            name=name,
            storage_path=folder,
            storage_filesystem=ArrowS3(storage),
            failure_config=FailureConfig(max_failures=resources.max_failures),
            worker_runtime_env={"env_vars": dict(variables)},
        ),
    }
    if resources.num_workers == 1:
        # What `TorchTrainer` is without its process group, which one worker does not need: with it, driver and
        # controller import torch too (2 s and 450 MB each).
        return _LeanTrainer(**settings)
    from ray.train.torch import TorchConfig, TorchTrainer

    class LeanTorchTrainer(_LeanTrainer, TorchTrainer):
        """`TorchTrainer` with the same callbacks."""

    settings["torch_config"] = TorchConfig(backend="nccl" if resources.gpus_per_worker else "gloo")
    return LeanTorchTrainer(**settings)


class _LeanTrainer(DataParallelTrainer):
    """Without actors that do nothing for us.

    Each takes 190 MB, and 2 s of a processor just when the workers start. The placement group cleaner is there for a
    controller that dies while its driver lives: ours then ends, and Ray frees what it held. The dataset manager hands
    out shards of Ray Data, of which there are none. The autoscaling coordinator tells an autoscaler what is wanted,
    which the placement group tells it too. The synchronization actor lets workers wait for each other, which one worker
    has no use for.
    """

    def _create_default_callbacks(self) -> list[Any]:
        unused = (PlacementGroupCleanerCallback, DatasetsCallback)
        callbacks = [callback for callback in super()._create_default_callbacks() if not isinstance(callback, unused)]
        scaling: Any = self.scaling_config
        return [*callbacks, _NobodyToWaitFor()] if scaling.num_workers == 1 else callbacks

    def _initialize_and_run_controller(self, **arguments: Any) -> Any:
        scaling: Any = self.scaling_config
        arguments["scaling_policy"] = _PlainScalingPolicy(scaling)
        return super()._initialize_and_run_controller(**arguments)


class _PlainScalingPolicy(FixedScalingPolicy):
    """As many workers as the config says; nobody else is told."""

    def after_controller_start(self, train_run_context: Any) -> None:
        """Start nothing."""

    def _maybe_send_resource_request(self) -> None:
        pass


class _NobodyToWaitFor(WorkerGroupCallback):
    """Gives the group a stand-in for its synchronization actor; runs in the controller's process, which is the run's."""

    def before_worker_group_start(self, worker_group_context: Any) -> None:
        """Put it where the group looks for the actor's class, and for how to end it."""
        vars(worker_group)["SynchronizationActor"] = _Alone
        vars(worker_group_state)["_shutdown_sync_actor"] = _end_nothing


class _Alone:
    """What the synchronization actor is to one worker: it waits for nobody, and hears what it said."""

    @classmethod
    def options(cls, **_: Any) -> type[_Alone]:
        """As of an actor's class."""
        return cls

    @classmethod
    def remote(cls, **_: Any) -> _Alone:
        """As of an actor's class."""
        return cls()

    def __init__(self) -> None:
        self.broadcast_from_rank_zero = _Call(lambda data, **_: data)
        self.set_required_ranks = _Call(lambda ranks: True)
        self.reset = _Call(lambda: None)


class _Call:
    """As a method of an actor: `remote` gives a reference to what comes of it."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work

    def remote(self, *arguments: Any, **named: Any) -> Any:
        return ray.put(self._work(*arguments, **named))


def _end_nothing(_: Any) -> None:
    pass
