"""Configs of `python -m cluster.train` and `cluster.evaluate`: model, data, training config and resources."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from engine.config.base import Config, DisagreementError
from engine.config.measurement import MeasurementConfig
from engine.config.optimizers.adam import PAGING_NEEDS_A_GPU
from engine.config.training import TrainingConfig
from engine.errors import Fault
from engine.models.reference import ModelReference

RunName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
StorageAddress = Annotated[str, Field(max_length=1200, pattern=r"^s3://[a-z0-9][a-z0-9.-]{2,62}(/.*)?$")]
Address = Annotated[str, Field(max_length=4096)]
"""A path, an id, or an address."""


_LEAST_SHARE = 0.01


def _none_or_enough(share: float) -> float:
    if 0.0 < share < _LEAST_SHARE:
        raise ValueError(f"found {share:g}; give 0 for none, or at least {_LEAST_SHARE:g}")
    return share


Cpus = Annotated[float, Field(ge=_LEAST_SHARE, le=10_000.0)]
"""CPUs of a process; Ray counts in ten-thousandths and treats less as zero."""
Gpus = Annotated[float, Field(ge=0.0, le=1_000.0), AfterValidator(_none_or_enough)]
"""GPUs of a process, 0 or at least 0.01."""


MemoryBytes = Annotated[int, Field(ge=1, le=2**50)]
Threads = Annotated[int, Field(ge=1, le=4096)]
Failures = Annotated[int, Field(ge=0, le=1000)]
LabelText = Annotated[str, Field(max_length=320)]
Labels = Annotated[dict[LabelText, LabelText], Field(max_length=32)]


def within_cpus(threads: int | None, info: ValidationInfo) -> int | None:
    """Reject more threads than a worker's CPUs can run at the same time."""
    cpus = info.data.get("cpus_per_worker")
    if threads is not None and cpus is not None and threads > threads_of(cpus):
        raise ValueError(f"more than the {cpus:g} CPUs that are reserved can run; reserve cpus_per_worker: {threads}")
    return threads


def threads_of(cpus: float) -> int:
    """Compute threads that a number of CPUs can run; at least one."""
    return max(1, math.ceil(cpus))


class ResourcesConfig(Config):
    """Placement of the workers, and the resources of each."""

    num_workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Data-parallel workers; the global batch does not change with their number."""
    cpus_per_worker: Cpus = 1.0
    """CPUs that Ray reserves for a worker."""
    gpus_per_worker: Gpus = 0.0
    """GPUs that Ray reserves for a worker."""
    memory_bytes_per_worker: MemoryBytes | None = None
    """Memory that Ray reserves for a worker, in bytes; unset: none."""
    label_selector: Labels = {}
    """Ray node labels that a worker's node must carry, such as `{lim/device-class: jetson-orin-nano}`."""
    threads_per_worker: Threads | None = None
    """Compute threads of a worker, at most its CPUs, rounded up. Unset: that maximum on the platform; with `lim train`,
    the worker's share of the node's processors, except one that prepares batches."""
    max_failures: Failures = 3
    """How many times dead workers are restarted from the newest checkpoint."""

    _threads_have_cpus = field_validator("threads_per_worker")(within_cpus)


def paging_faults(training: TrainingConfig, resources: ResourcesConfig) -> list[Fault]:
    """Faults of paged optimizer states on these workers, with paths relative to the training config."""
    if not training.optimizer.is_paged or resources.gpus_per_worker:
        return []
    return [Fault("optimizer.type", f"{PAGING_NEEDS_A_GPU}; resources.gpus_per_worker gives each worker a GPU")]


class RunConfig(Config):
    """One training run on the cluster."""

    name: RunName
    """Name of the run and of its folder."""
    model: ModelReference | Address = "whisper-pico"
    """Id in the catalogue, a folder, a hub id such as `openai/whisper-tiny`, or `s3://bucket/prefix`; or a reference with
    id, source, family and revision."""
    data: Address
    """A dataset version (folder or `s3://bucket/prefix` with `manifest.jsonl`), or a folder or an archive of recordings."""
    selection: Address | None = None
    """Output of `lim data select` for these data (folder or `s3://bucket/prefix`); the run trains only on it."""
    training: TrainingConfig
    """What to train, and how."""
    resources: ResourcesConfig = ResourcesConfig()
    """Resources."""
    storage: StorageAddress | None = None
    """Folder of the run's files; unset: `s3://$LIM_BUCKET/runs/<name>`."""

    @model_validator(mode="after")
    def _paging_has_a_gpu(self) -> RunConfig:
        faults = paging_faults(self.training, self.resources)
        if faults:
            raise DisagreementError([Fault(f"training.{fault.path}", fault.message) for fault in faults])
        return self


class EvaluationRunConfig(Config):
    """One evaluation on the cluster."""

    name: RunName
    """Name of the evaluation and of its folder."""
    model: ModelReference | Address = "whisper-pico"
    """The base: id in the catalogue, a folder, a hub id, or `s3://bucket/prefix`; or a reference."""
    adapter: Address | None = None
    """Folder or `s3://bucket/prefix` of an adapter of that base; unset: the model itself is measured."""
    base_model: ModelReference | Address | None = None
    """Without an adapter: the model that training started from, in the form of `model`; it is measured as the base.
    Unset: no base is measured."""
    data: Address
    """A dataset version (folder or `s3://bucket/prefix` with `manifest.jsonl`), or a folder or an archive of recordings."""
    training: TrainingConfig
    """Config of the training; gives the precision of the base, the audio context and the splits."""
    measurement: MeasurementConfig = MeasurementConfig()
    """What to measure."""
    resources: ResourcesConfig = ResourcesConfig()
    """Resources of the one worker."""
    storage: StorageAddress | None = None
    """Folder of its files; unset: `s3://$LIM_BUCKET/evaluations/<name>`."""

    @model_validator(mode="after")
    def _one_base(self) -> EvaluationRunConfig:
        if self.adapter is not None and self.base_model is not None:
            raise PydanticCustomError(
                "base_model", "base_model is for models that were trained whole; the base of an adapter is model"
            )
        return self

    @model_validator(mode="after")
    def _one_worker(self) -> EvaluationRunConfig:
        if self.resources.num_workers != 1:
            raise PydanticCustomError(
                "workers",
                "resources.num_workers is {count}; an evaluation takes one worker",
                {"count": self.resources.num_workers},
            )
        return self
