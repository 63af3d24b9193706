"""The kinds of jobs, by name. A kind is added here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from sqlalchemy.ext.asyncio import AsyncSession

from engine.config.base import Config
from engine.errors import Fault
from services.database.models import Job
from services.jobs.kinds.contract import JobKind, UnreadableSpecError
from services.jobs.kinds.evaluation import Evaluation
from services.jobs.kinds.ingestion import Ingestion
from services.jobs.kinds.selection import Selection
from services.jobs.kinds.sweep import Sweep
from services.jobs.kinds.training import Training
from services.notifications.tell import job_ended

KINDS: Final[Mapping[str, JobKind[Any]]] = {
    Training.name: Training(),
    Selection.name: Selection(),
    Evaluation.name: Evaluation(),
    Ingestion.name: Ingestion(),
    Sweep.name: Sweep(),
}


def _known(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"there is no such kind of job; there are {', '.join(KINDS)}")
    return name


KindName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(KINDS)})]
"""Name of a kind."""


async def tell_end(session: AsyncSession, job: Job, detail: str | None = None) -> None:
    """Say that a job has reached a final status; of a kind that this release does not know, to its user."""
    kind = KINDS.get(job.type)
    await (job_ended(session, job, detail) if kind is None else kind.ended(session, job, detail))


def read_spec(job: Job) -> tuple[JobKind[Any], Config]:
    """The kind of a job, and its spec.

    Raises:
        UnreadableSpecError: this release does not know the kind, or has another form of its spec.
    """
    kind = KINDS.get(job.type)
    if kind is None:
        raise UnreadableSpecError([Fault("type", f"is {job.type!r}; there are {', '.join(KINDS)}")])
    return kind, kind.read(job)
