"""Where jobs keep their files."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from engine.run.store import RunStore
from services.database.models import Job
from services.datasets.prefixes import version_prefix


@dataclass(frozen=True, slots=True)
class Runs:
    """Where runs keep their files."""

    bucket: str
    store: Callable[[str], RunStore]
    """The files below a prefix of the bucket."""

    def of(self, job_id: uuid.UUID) -> RunStore:
        """The files of a job's run."""
        return self.store(run_prefix(job_id))


def run_prefix(job_id: uuid.UUID) -> str:
    """Where a job's files are, in the platform's bucket."""
    return f"runs/{job_id}"


def run_address(bucket: str, job_id: uuid.UUID) -> str:
    """Where a job's files are, with the bucket."""
    return f"s3://{bucket}/{run_prefix(job_id)}"


def data_address(bucket: str, job: Job) -> str:
    """Where the dataset version of a job is, with the bucket."""
    return f"s3://{bucket}/{version_prefix(job.dataset_id, job.dataset_version)}"
