"""What `python -m cluster.select` takes: data, a model, how to choose, for which training, and where it runs."""

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

FOLDER: Final = "selection"
"""Where a selection's files are, under its storage."""


class SelectionResources(Config):
    """Where audio is read and scored, and what each task takes. The warm-up trains where the driver runs."""

    most_workers: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Tasks at the same time; unset: as many as there is room for."""
    cpus_per_worker: Cpus = 1.0
    """CPUs that Ray reserves for a task."""
    spare_readers: Annotated[int, Field(ge=0, le=16)] = 1
    """Tasks that read audio beyond those that there are CPUs for: while one waits, for the driver, a disk or its turn,
    another computes. Each takes the memory of a process more; with `most_workers` there are none."""
    gpus_per_scorer: Gpus = 0.0
    """GPUs that Ray reserves for a process that scores."""
    memory_bytes_per_worker: MemoryBytes | None = None
    """Memory that Ray reserves for a task, in bytes; unset: none."""
    threads_per_worker: Threads | None = None
    """Compute threads of a task, and of the warm-up, at most its CPUs, rounded up; unset: of a task, its CPUs, and of the warm-up, the processors of the
    driver's node but one."""
    max_failures: Failures = 3
    """How often blocks are started again that the cluster has given up: it starts a task whose process died again itself,
    a few times."""
    label_selector: Labels = {}
    """Ray node labels that a task's node must carry, such as `{lim/device-class: cpu}`."""
    block_audio_s: Annotated[float, Field(gt=0.0, le=1e6)] | None = None
    """Audio of a block, in seconds; unset: a sixteenth of all, 300 to 1800. A task does up to four blocks, one after the
    other. What was made of a block is kept: a selection that was interrupted goes on there."""

    _threads_have_cpus = field_validator("threads_per_worker")(within_cpus)

    @classmethod
    def of(cls, resources: ResourcesConfig) -> SelectionResources:
        """The same place for as many tasks as a training would have workers."""
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
        """One task, as the cluster's feasibility check takes it."""
        return ResourcesConfig(
            cpus_per_worker=self.cpus_per_worker,
            gpus_per_worker=gpus,
            memory_bytes_per_worker=self.memory_bytes_per_worker,
            label_selector=self.label_selector,
        )


class SelectionRunConfig(Config):
    """One selection on the cluster."""

    name: RunName
    """Name of the selection; its files are kept under it."""
    model: Address = "whisper-pico"
    """Base model that the run will start from: id in the catalogue, a folder, a hub id, or `s3://bucket/prefix`."""
    data: Address
    """A dataset version (folder or `s3://bucket/prefix` with `manifest.jsonl`), or a folder or an archive of recordings."""
    selection: SelectionConfig = SelectionConfig()
    """How to choose."""
    training: TrainingConfig
    """The run that it is for: its split says what may be chosen, its method how the model is kept."""
    resources: SelectionResources = SelectionResources()
    """Where it runs."""
    storage: StorageAddress | None = None
    """Where its files go; unset: `s3://$LIM_BUCKET/selections/<name>`."""

    @model_validator(mode="after")
    def _method_goes_with_the_training(self) -> SelectionRunConfig:
        faults = selection_faults(self.selection, self.training)
        if faults:
            raise DisagreementError(faults)
        return self
