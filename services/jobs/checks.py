"""Checks that reject a job before it is queued, by its resources and by what is known about its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.config import ResourcesConfig, paging_faults
from engine.config.tasks.registry import TASKS
from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.database.models import Dataset
from services.errors import InvalidRequestError


def check_task(dataset: Dataset, task: str, path: str = "dataset_id") -> None:
    """Check that a dataset has the targets that this task learns.

    Raises:
        InvalidRequestError: it has others.
    """
    learns = TASKS.get(dataset.task)
    if learns is None or not set(learns.targets) & set(TASKS[task].targets):
        message = f"the dataset is for {dataset.task}, and the training is of {task}; give a dataset for {task}"
        raise InvalidRequestError.of([Fault(path, message)], code="dataset_of_another_task")


def training_faults(config: TrainingConfig, resources: ResourcesConfig, statistics: Mapping[str, Any]) -> list[Fault]:
    """Faults of a training, with their paths in the request.

    Args:
        config: what would be trained.
        resources: where it would run.
        statistics: statistics of the dataset's version; `splits` counts the utterances that the data itself assigns.
    """
    faults = [*paging_faults(config, resources), *config.task.local_paths()]
    split = config.split
    makes_validation = split.validation_fraction > 0 or bool(split.validation_groups)
    if not makes_validation and "splits" in statistics and not statistics["splits"].get("validation"):
        message = (
            "depends on validation utterances, and there are none: the data mark none and split.validation_fraction is "
            "0; set it greater than 0, or name split.validation_groups"
        )
        faults += [Fault(path, message) for path in config.decided_by_evaluations()]
    return [Fault(f"config.{fault.path}", fault.message) for fault in faults]
