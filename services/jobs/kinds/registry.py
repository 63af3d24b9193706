"""The kinds of jobs, by name. A kind is added here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from engine.config.base import Config
from engine.errors import Fault
from services.database.models import Job
from services.jobs.kinds.contract import JobKind, UnreadableSpecError
from services.jobs.kinds.evaluation import Evaluation
from services.jobs.kinds.selection import Selection
from services.jobs.kinds.training import Training

KINDS: Final[Mapping[str, JobKind[Any]]] = {
    Training.name: Training(),
    Selection.name: Selection(),
    Evaluation.name: Evaluation(),
}


def _known(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"there is no such kind of job; there are {', '.join(KINDS)}")
    return name


KindName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(KINDS)})]
"""Name of a kind."""


def read_spec(job: Job) -> tuple[JobKind[Any], Config]:
    """The kind of a job, and its spec.

    Raises:
        UnreadableSpecError: this release does not know the kind, or has another form of its spec.
    """
    kind = KINDS.get(job.type)
    if kind is None:
        raise UnreadableSpecError([Fault("type", f"is {job.type!r}; there are {', '.join(KINDS)}")])
    return kind, kind.read(job)
