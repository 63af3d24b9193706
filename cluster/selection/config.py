"""Config of `python -m cluster.select`: data, model, selection, training and resources."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from cluster.config import (
    Address,
    Cpus,
    Failures,
    Gpus,
    Labels,
    MemoryBytes,
    ResourcesConfig,
    RunName,
    StorageAddress,
    Threads,
    within_cpus,
)
from engine.config.base import Config, DisagreementError
from engine.config.selection import SelectionConfig
from engine.config.selection_for import selection_faults
from engine.config.training import TrainingConfig
from engine.models.reference import ModelReference

FOLDER: Final = "selection"
"""Folder of a selection's files, below its storage."""


class SelectionResources(Config):
    """Placement and resources of the tasks that read and score audio. The warm-up trains on the driver's node."""

    most_workers: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Concurrent tasks; unset: as many as fit."""
    cpus_per_worker: Cpus = 1.0
    """CPUs that Ray reserves for a task."""
    spare_readers: Annotated[int, Field(ge=0, le=16)] = 1
    """Reading tasks beyond the number of CPUs: while one waits for the driver, a disk or its turn, another computes.
    Each needs the memory of one more process. Ignored if `most_workers` is set."""
    gpus_per_scorer: Gpus = 0.0
    """GPUs that Ray reserves for a process that scores."""
    memory_bytes_per_worker: MemoryBytes | None = None
    """Memory that Ray reserves for a task, in bytes; unset: none."""
    threads_per_worker: Threads | None = None
    """Compute threads of a task and of the warm-up, at most the task's CPUs, rounded up. Unset: the task's CPUs, and
    for the warm-up all processors of the driver's node except one."""
    max_failures: Failures = 3
    """How many times to restart blocks that the cluster gave up on, after its own few retries of a task whose process
    died."""
    label_selector: Labels = {}
    """Ray node labels that a task's node must carry, such as `{lim/device-class: cpu}`."""
    block_audio_s: Annotated[float, Field(gt=0.0, le=1e6)] | None = None
    """Audio of a block, in seconds; unset: a sixteenth of all, 300 to 1800. A task does up to four blocks in order. Results of
    blocks are stored: an interrupted selection continues after them."""

    _threads_have_cpus = field_validator("threads_per_worker")(within_cpus)

    @classmethod
    def of(cls, resources: ResourcesConfig) -> SelectionResources:
        """The same placement as a training's, with as many tasks as the training has workers."""
        return cls(
            most_workers=resources.num_workers,
            cpus_per_worker=resources.cpus_per_worker,
            gpus_per_scorer=resources.gpus_per_worker,
            memory_bytes_per_worker=resources.memory_bytes_per_worker,
            threads_per_worker=resources.threads_per_worker,
            max_failures=resources.max_failures,
            label_selector=resources.label_selector,
        )

    def worker(self, gpus: float = 0.0) -> ResourcesConfig:
        """One task, for the cluster's feasibility check."""
        return ResourcesConfig(
            cpus_per_worker=self.cpus_per_worker,
            gpus_per_worker=gpus,
            memory_bytes_per_worker=self.memory_bytes_per_worker,
            label_selector=self.label_selector,
        )


class SelectionRunConfig(Config):
    """One selection on the cluster."""

    name: RunName
    """Name of the selection and of its folder."""
    model: ModelReference | Address = "whisper-pico"
    """Base model of the run: id in the catalogue, a folder, a hub id, or `s3://bucket/prefix`; or a reference."""
    data: Address
    """A dataset version (folder or `s3://bucket/prefix` with `manifest.jsonl`), or a folder or an archive of recordings."""
    selection: SelectionConfig = SelectionConfig()
    """How to choose."""
    training: TrainingConfig
    """Config of the run that will train on the selection. Its split limits what may be chosen; its method gives the
    precision of the base."""
    resources: SelectionResources = SelectionResources()
    """Resources."""
    storage: StorageAddress | None = None
    """Folder of its files; unset: `s3://$LIM_BUCKET/selections/<name>`."""

    @model_validator(mode="after")
    def _method_goes_with_the_training(self) -> SelectionRunConfig:
        faults = selection_faults(self.selection, self.training)
        if faults:
            raise DisagreementError(faults)
        return self
