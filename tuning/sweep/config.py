"""Config of `python -m tuning.sweep`: data, model, training, what is searched and how. Imports neither torch nor Ray."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from cluster.config import (
    Address,
    Cpus,
    Failures,
    Gpus,
    Labels,
    MemoryBytes,
    ResourcesConfig,
    RunConfig,
    RunName,
    StorageAddress,
    Threads,
    threads_of,
)
from engine.config.base import Config, DisagreementError
from engine.config.selection import SelectionConfig
from engine.config.selection_for import selection_faults
from engine.config.training import MOST_METRIC_EVENTS, TrainingConfig
from engine.errors import Fault
from engine.models.reference import ModelReference
from tuning.sweep.algorithms import Algorithm, AshaScheduler, OptunaAlgorithm, Point, Scheduler
from tuning.sweep.dimensions import Dimension
from tuning.sweep.space import point_faults, space_faults

FieldPath = Annotated[str, Field(max_length=300)]
"""Dotted path of a field."""


class SearchConfig(Config):
    """What is searched, and how."""

    dimensions: Annotated[dict[FieldPath, Dimension], Field(min_length=1, max_length=16)]
    """Values by the path of a field of the training config, such as `optimizer.learning_rate`,
    `method.allocation.weights.fusion` or `method.allocation.budget`; or of the selection, such as
    `selection.budget.fraction`."""
    algorithm: Algorithm = OptunaAlgorithm()
    """How the next trial is chosen."""
    scheduler: Scheduler = AshaScheduler()
    """When a trial is stopped early."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the search. Trials keep the training's seed, so that they differ only in their values."""

    @property
    def trials(self) -> int:
        """Number of trials."""
        return self.algorithm.count(self.dimensions)

    def known_points(self) -> list[Point] | None:
        """All points, if they do not depend on what trials find."""
        return self.algorithm.known_points(self.dimensions, self.seed)


def search_faults(search: SearchConfig, training: TrainingConfig, selection: SelectionConfig | None) -> list[Fault]:
    """What of a search does not go together with a training: every faulty value of every dimension.

    Paths are relative to a config with the fields `training`, `selection` and `search`.
    """
    faults = []
    if training.evaluation.every_steps == 0:
        message = "found 0; trials are compared on validation examples: set it, such as to a tenth of the steps"
        faults.append(Fault("training.evaluation.every_steps", message))
    elif (
        reports := search.trials * ((training.max_steps or 0) // training.evaluation.every_steps)
    ) > MOST_METRIC_EVENTS:
        message = (
            f"comes to {reports} validations of all {search.trials} trials; a sweep makes at most {MOST_METRIC_EVENTS}: "
            "raise it, or try less"
        )
        faults.append(Fault("training.evaluation.every_steps", message))
    faults += [Fault(f"search.{fault.path}", fault.message) for fault in search.algorithm.faults(search.dimensions)]
    if selection is not None:
        faults += selection_faults(selection, training)
    faults += space_faults(search.dimensions, training, selection)
    if not faults:
        faults += point_faults(search.known_points() or (), training, selection)
    return faults


class SweepResources(Config):
    """Placement and resources of trials."""

    trials_at_once: Annotated[int, Field(ge=1, le=256)] | None = None
    """Trials that run at the same time; unset: as many as the free CPUs, GPUs and memory of the cluster hold."""
    cpus_per_trial: Cpus = 1.0
    """CPUs that Ray reserves for a trial."""
    gpus_per_trial: Gpus = 0.0
    """GPUs that Ray reserves for a trial."""
    memory_bytes_per_trial: MemoryBytes | None = None
    """Memory that Ray reserves for a trial, in bytes; unset: the estimate of its peak and a third of it."""
    threads_per_trial: Threads | None = None
    """Compute threads of a trial, at most its CPUs, rounded up. Unset: that maximum."""
    max_failures: Failures = 3
    """How many times a trial whose process died is started again; it continues from its newest checkpoint."""
    label_selector: Labels = {}
    """Ray node labels that a trial's node must carry, such as `{lim/device-class: jetson-orin-nano}`."""

    @field_validator("threads_per_trial")
    @classmethod
    def _threads_have_cpus(cls, threads: int | None, info: ValidationInfo) -> int | None:
        cpus = info.data.get("cpus_per_trial")
        if threads is not None and cpus is not None and threads > threads_of(cpus):
            raise ValueError(
                f"more than the {cpus:g} CPUs that are reserved can run; reserve cpus_per_trial: {threads}"
            )
        return threads

    @classmethod
    def of(cls, resources: ResourcesConfig) -> SweepResources:
        """The same placement as a training's, with as many trials at once as the training has workers."""
        return cls(
            trials_at_once=resources.num_workers,
            cpus_per_trial=resources.cpus_per_worker,
            gpus_per_trial=resources.gpus_per_worker,
            memory_bytes_per_trial=resources.memory_bytes_per_worker,
            threads_per_trial=resources.threads_per_worker,
            max_failures=resources.max_failures,
            label_selector=resources.label_selector,
        )

    def worker(self) -> ResourcesConfig:
        """The one worker of a trial."""
        return ResourcesConfig(
            cpus_per_worker=self.cpus_per_trial,
            gpus_per_worker=self.gpus_per_trial,
            memory_bytes_per_worker=self.memory_bytes_per_trial,
            threads_per_worker=self.threads_per_trial or threads_of(self.cpus_per_trial),
            max_failures=self.max_failures,
            label_selector=self.label_selector,
        )


class SweepRunConfig(Config):
    """One sweep on the cluster."""

    name: RunName
    """Name of the sweep and of its folder."""
    model: ModelReference | Address = RunConfig.model_fields["model"].default
    """Base model of all trials: id in the catalogue, a folder, a hub id, or `s3://bucket/prefix`; or a reference."""
    data: Address
    """A dataset version (folder or `s3://bucket/prefix` with `manifest.jsonl`), or a folder or an archive of recordings."""
    selection: SelectionConfig | None = None
    """How to choose what trials train on; each choice is made once, and shared. Unset: trials train on everything."""
    training: TrainingConfig
    """The training whose fields are searched."""
    search: SearchConfig
    """What is searched, and how."""
    resources: SweepResources = SweepResources()
    """Resources."""
    storage: StorageAddress | None = None
    """Folder of its files; unset: `s3://$LIM_BUCKET/sweeps/<name>`."""

    @model_validator(mode="after")
    def _search_goes_with_the_training(self) -> SweepRunConfig:
        faults = search_faults(self.search, self.training, self.selection)
        if faults:
            raise DisagreementError(faults)
        return self
