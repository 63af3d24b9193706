"""User requests for jobs: launch, find, stop, resume. Only rows change here; the hub does the rest."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import BindParameter, Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import ResourcesConfig
from engine.config.measurement import MeasurementConfig
from engine.config.selection import SelectionConfig
from engine.config.selection_for import selection_faults, selection_for
from engine.config.training import TrainingConfig
from engine.errors import Fault
from engine.families.registry import FAMILIES, selectable
from services.catalogue.models import card_of, usable_model
from services.database.models import Artifact, Dataset, DatasetVersion, Job
from services.database.notify import WORK, notify
from services.datasets.requests import ready_version
from services.errors import ConflictError, InvalidRequestError, NotFoundError
from services.jobs.admission import admit
from services.jobs.checks import check_task, training_faults
from services.jobs.cluster_view import ClusterView
from services.jobs.events import append, locked_job, status_event
from services.jobs.metering import used_up
from services.jobs.states import RESUMABLE, TERMINAL, check_transition
from services.notifications.tell import job_ended
from services.projects.requests import check_project
from services.settings import Settings


def owned_jobs(user_id: uuid.UUID | BindParameter[uuid.UUID]) -> Select[Job]:
    """The jobs of a user: ownership is part of every query."""
    return select(Job).where(Job.user_id == user_id, Job.deleted_at.is_(None))


async def find_job(session: AsyncSession, user_id: uuid.UUID, job_id: uuid.UUID, *, keep: bool = False) -> Job:
    """A job of the user; with `keep`, it cannot be deleted until this transaction ends.

    Raises:
        NotFoundError: no such job, or another user's.
    """
    query = owned_jobs(user_id).where(Job.id == job_id)
    job = (await session.scalars(query.with_for_update(read=True) if keep else query)).one_or_none()
    if job is None:
        raise no_such_job()
    return job


async def launch(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    *,
    name: str | None,
    model_id: str,
    dataset_id: uuid.UUID,
    config: TrainingConfig,
    resources: ResourcesConfig,
    selection: SelectionConfig | None = None,
    selection_id: uuid.UUID | None = None,
    dataset_version: int | None = None,
    priority: int = 0,
    project_id: uuid.UUID | None = None,
    budget: Mapping[str, float] | None = None,
    cluster: ClusterView | None = None,
) -> Job:
    """Queue a job on a version of a dataset; does not commit.

    Args:
        session: database session.
        settings: the operator's limits.
        user_id: owner of the job.
        job_id: id of the job.
        name: display name; None: derived from model and dataset.
        model_id: base model in the catalogue.
        dataset_id: dataset to train on or to select from.
        config: the training.
        resources: resources of the job.
        selection: how to select for that training; None: a job that trains.
        selection_id: selection job of the user whose choice this job trains on.
        dataset_version: number of the version; None: the one selected from, else the newest ready one.
        priority: priority among the user's own queued jobs; higher starts first.
        project_id: project of the user that the job belongs to.
        budget: limits at which the job is stopped: `wall_s`, `cost`.
        cluster: checks whether any nodes could hold the workers; None: not checked.

    Raises:
        InvalidRequestError: the catalogue has no such model, it is retired or does not do the task, the selection is of
            another dataset, or the training cannot be done with these resources and data.
        NotFoundError: no such dataset, selection or project, or another user's.
        ConflictError: the dataset is not ready, the selection not finished, or the user has too many unfinished jobs.
        ForbiddenError: what the job is expected to keep exceeds the user's storage quota.
    """
    await check_project(session, user_id, project_id)
    model = await usable_model(session, model_id, config.task.type)
    if selection_id is not None:
        dataset_version = await _selected_version(session, user_id, selection_id, dataset_id, dataset_version)
    dataset, used = await _usable_dataset(session, user_id, dataset_id, dataset_version, config.task.type)
    version = used.number
    if selection is not None:
        selection = _checked_selection(selection, config, model.family)
    else:
        faults = training_faults(config, resources, used.statistics)
        if faults:
            raise InvalidRequestError.of(faults, code="invalid_training")
    job = Job(
        id=job_id,
        user_id=user_id,
        project_id=project_id,
        type="training" if selection is None else "selection",
        name=name or f"{'' if selection is None else 'selection for '}{model_id} on {dataset.name}"[:200],
        model_id=model_id,
        model=card_of(model).reference().model_dump(mode="json"),
        dataset_id=dataset_id,
        dataset_version=version,
        config=config.model_dump(mode="json"),
        selection=selection.model_dump(mode="json") if selection else None,
        selection_id=selection_id,
        resources=resources.model_dump(mode="json"),
        priority=priority,
        budget=dict(budget) if budget else None,
        status="queued",
    )
    await admit(session, settings, job, cluster)
    return await _queued(session, job)


async def launch_evaluation(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    *,
    name: str | None,
    training_id: uuid.UUID,
    dataset_id: uuid.UUID | None,
    measurement: MeasurementConfig,
    resources: ResourcesConfig,
    dataset_version: int | None = None,
    priority: int = 0,
    project_id: uuid.UUID | None = None,
    budget: Mapping[str, float] | None = None,
    cluster: ClusterView | None = None,
) -> Job:
    """Queue a job that evaluates what another has trained; does not commit.

    Args:
        session: database session.
        settings: the operator's limits.
        user_id: owner of the job.
        job_id: id of the job.
        name: display name; None: derived from the training's name and the dataset.
        training_id: the job that trained.
        dataset_id: dataset to evaluate on; None: the one that was trained on.
        measurement: what to measure.
        resources: resources of the job.
        dataset_version: number of the version; None: the newest ready one of `dataset_id`, or the one trained on.
        priority: priority among the user's own queued jobs; higher starts first.
        project_id: project of the user that the job belongs to; None: that of the training.
        budget: limits at which the job is stopped: `wall_s`, `cost`.
        cluster: checks whether any nodes could hold the workers; None: not checked.

    Raises:
        NotFoundError: no such job, dataset or project, or another user's.
        ConflictError: the job is not a training that has succeeded, the dataset is not ready or gone, or the user has
            too many unfinished jobs.
        InvalidRequestError: more than one worker, or one that no node holds.
        ForbiddenError: what the job is expected to keep exceeds the user's storage quota.
    """
    await check_project(session, user_id, project_id)
    training = await find_job(session, user_id, training_id, keep=True)
    if training.type != "training" or training.status != "succeeded":
        raise ConflictError(
            f"The job is a {training.type} that is {training.status}; only a training that has succeeded can be evaluated.",
            code="job_not_succeeded",
        )
    if resources.num_workers != 1:
        found = f"is {resources.num_workers}; an evaluation takes one worker"
        raise InvalidRequestError.of([Fault("resources.num_workers", found)])
    task = str(training.config["task"]["type"])
    if dataset_id is None and dataset_version is None:
        dataset_version = training.dataset_version
    dataset, version = await _usable_dataset(session, user_id, dataset_id or training.dataset_id, dataset_version, task)
    job = Job(
        id=job_id,
        user_id=user_id,
        project_id=project_id or training.project_id,
        type="evaluation",
        name=name or f"evaluation of {training.name} on {dataset.name}"[:200],
        model_id=training.model_id,
        model=training.model,
        dataset_id=dataset.id,
        dataset_version=version.number,
        config=training.config,
        measurement=measurement.model_dump(mode="json"),
        training_id=training.id,
        resources=resources.model_dump(mode="json"),
        priority=priority,
        budget=dict(budget) if budget else None,
        status="queued",
    )
    await admit(session, settings, job, cluster)
    return await _queued(session, job)


async def _queued(session: AsyncSession, job: Job) -> Job:
    session.add(job)
    await session.flush()
    await append(session, job, [status_event(job)])
    await notify(session, WORK)
    return job


def _checked_selection(selection: SelectionConfig, training: TrainingConfig, family: str) -> SelectionConfig:
    """The selection with its method decided, checked against the training and the model's family."""
    faults = list(selection_faults(selection, training))
    if training.task.type not in FAMILIES[family].scores_tokens:
        message = f"{family} models are not selected with for {training.task.type}; a selection scores by "
        faults.append(Fault("model_id", f"{message}{', '.join(selectable())}"))
    if faults:
        raise InvalidRequestError.of(faults, code="selection_does_not_fit")
    return selection_for(selection, training)


async def _usable_dataset(
    session: AsyncSession, user_id: uuid.UUID, dataset_id: uuid.UUID, number: int | None, task: str
) -> tuple[Dataset, DatasetVersion]:
    """A user's dataset for a task, and a ready version; neither can be deleted until this transaction ends."""
    dataset = (
        await session.scalars(
            select(Dataset)
            .where(Dataset.id == dataset_id, Dataset.user_id == user_id, Dataset.deleted_at.is_(None))
            .with_for_update(read=True)  # not deleted before the job is visible
        )
    ).one_or_none()
    if dataset is None:
        raise NotFoundError("There is no such dataset.", code="dataset_not_found")
    check_task(dataset, task)
    return dataset, await ready_version(session, dataset, number)


async def request_stop(session: AsyncSession, user_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    """Stop a job and commit: immediately if it has not been submitted, else after a checkpoint.

    Raises:
        NotFoundError: no such job, or another user's.
        ConflictError: it has ended already.
    """
    job = await stop(session, user_id, job_id)
    await session.commit()
    return job


async def stop(session: AsyncSession, user_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    """Like `request_stop`, but does not commit."""
    job = await _lock_owned(session, user_id, job_id)
    if job.status == "stopping":
        job.yields = False
        return job
    wanted = "stopped" if job.status == "queued" else "stopping"
    check_transition(job.status, wanted)
    job.status = wanted
    now = datetime.now(UTC)
    job.stop_requested_at = now
    if wanted in TERMINAL:
        job.finished_at = now
    await append(session, job, [status_event(job, "stop requested")])
    await notify(session, WORK)
    if wanted in TERMINAL:
        await job_ended(session, job)
    return job


async def request_resume(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    cluster: ClusterView | None = None,
) -> Job:
    """Queue a stopped or failed job again and commit; it continues from its newest checkpoint.

    Raises:
        NotFoundError: no such job, or another user's.
        ConflictError: it is neither stopped nor failed, its dataset is gone, its budget is used up, or the user has too
            many jobs that are not finished.
        InvalidRequestError: no node holds its workers any more.
        ForbiddenError: what it is expected to keep exceeds the user's storage quota.
    """
    job = await resume(session, settings, user_id, job_id, cluster)
    await session.commit()
    return job


async def resume(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    cluster: ClusterView | None = None,
) -> Job:
    """Like `request_resume`, but does not commit."""
    job = await _lock_owned(session, user_id, job_id)
    if job.status not in RESUMABLE:
        raise ConflictError(
            f"The job is {job.status}; only one that is {' or '.join(sorted(RESUMABLE))} can be resumed.",
            code="job_state",
        )
    dataset = await session.get(Dataset, job.dataset_id)
    if dataset is None or dataset.deleted_at is not None:
        raise ConflictError("The job's dataset has been deleted; it cannot go on.", code="dataset_deleted")
    reason = used_up(job, settings)
    if reason is not None:
        raise ConflictError(
            f"The job cannot go on: {reason}. Give it a larger one first (PATCH /jobs/{job_id}).", code="budget_used_up"
        )
    await admit(session, settings, job, cluster)
    requeue(job)
    job.life += 1
    job.failures = 0
    job.queued_at = datetime.now(UTC)
    await append(session, job, [status_event(job, "resumed")])
    await notify(session, WORK)
    return job


def requeue(job: Job) -> None:
    """Make a job ready to be submitted again."""
    job.status = "queued"
    job.error = None
    job.refused = False
    job.result = None
    job.phase = None
    job.submission_id = None
    job.stop_requested_at = None
    job.finished_at = None
    job.yields = False


async def forget_artifacts(session: AsyncSession, job_id: uuid.UUID) -> None:
    """Delete the rows of a job's artifacts, which its next attempt makes again."""
    await session.execute(delete(Artifact).where(Artifact.job_id == job_id))


async def _lock_owned(session: AsyncSession, user_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    await find_job(session, user_id, job_id)
    job = await locked_job(session, job_id)
    if job is None:
        raise no_such_job()
    return job


async def _selected_version(
    session: AsyncSession, user_id: uuid.UUID, selection_id: uuid.UUID, dataset_id: uuid.UUID, asked: int | None
) -> int:
    """The dataset version that a selection was made from; `asked`, if given, must be the same."""
    query = owned_jobs(user_id).where(Job.id == selection_id, Job.type == "selection").with_for_update(read=True)
    selection = (await session.scalars(query)).one_or_none()
    if selection is None:
        raise NotFoundError("There is no such selection.", code="selection_not_found")
    if selection.dataset_id != dataset_id:
        faults = [Fault("selection_id", f"was made of the dataset {selection.dataset_id}; give that as dataset_id")]
        raise InvalidRequestError.of(faults, code="selection_of_another_dataset")
    if selection.status != "succeeded":
        raise ConflictError(
            f"The selection is {selection.status}; a training needs one that has succeeded.",
            code="selection_not_ready",
            faults=[Fault("selection_id", f"is {selection.status}, not succeeded")],
        )
    if asked not in (None, selection.dataset_version):
        fault = Fault(
            "dataset_version",
            f"is {asked}; the selection was made of version {selection.dataset_version}: leave it out",
        )
        raise InvalidRequestError.of([fault], code="selection_of_another_version")
    return selection.dataset_version


def no_such_job() -> NotFoundError:
    """The error for a job that does not exist or belongs to another user."""
    return NotFoundError("There is no such job.", code="job_not_found")
