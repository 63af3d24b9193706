"""Admission of jobs to the queue: the one check for launched jobs, resumed jobs and stages of pipelines."""

from __future__ import annotations

import asyncio
import uuid
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import ResourcesConfig
from engine.config.training import TrainingConfig
from engine.errors import ConfigError, Fault, ModelError
from engine.memory.calibration import MARGIN, WORKER
from engine.memory.peak import UNKNOWN, changes, largest_micro_batch, peak_memory
from engine.memory.shape import Longest
from engine.memory.sizes import Sizes, sizes_of
from services.catalogue.models import card_of, describe
from services.database.models import CatalogueModel, Job
from services.errors import ConflictError, InvalidRequestError
from services.jobs.cluster_view import ClusterView
from services.jobs.kinds.contract import UnreadableSpecError
from services.jobs.kinds.registry import read_spec
from services.jobs.room import asked_resources
from services.jobs.states import ACTIVE
from services.settings import Settings
from services.storage_quota import admit_bytes, lock_user

_MOST_CHANGES: Final = 3
_GIB: Final = 2**30


async def admit(session: AsyncSession, settings: Settings, job: Job, cluster: ClusterView | None = None) -> None:
    """Check that a job may be queued; fill in the memory of its workers if it requests none.

    Admissions of the same user wait until this transaction ends.

    Args:
        session: database session.
        settings: the operator's limits.
        job: the job to queue; the caller writes it.
        cluster: checks whether any nodes could hold its workers; None: not checked.

    Raises:
        ConflictError: the user has too many unfinished jobs.
        UnreadableSpecError: another release queued it, and this one does not know or allow what it was asked.
        InvalidRequestError: too few CPUs for a worker, or a worker that no node could ever hold.
        ForbiddenError: what the job is expected to keep exceeds the user's storage quota.
    """
    if job.model is not None:
        await describe(settings, str(job.model["source"]))
    await lock_user(session, job.user_id)
    kind, spec = read_spec(job)
    if job.lane is not None:  # its lane has slots, and what it makes is counted by itself
        job.stored_bytes = job.stored_bytes or kind.kept_bytes(spec, None)
        return
    await _check_count(session, settings, job.user_id)
    try:
        asked = asked_resources(job.resources)
    except ConfigError as error:
        raise UnreadableSpecError(Fault(f"resources.{each.path}", each.message) for each in error.faults) from None
    model = await model_sizes(session, job.model_id)
    resources = await admitted(settings, kind.training(spec), asked, model, cluster)
    job.resources = resources.model_dump(mode="json")
    expected = kind.kept_bytes(spec, model)
    await admit_bytes(session, settings, job.user_id, max(0, expected - (job.stored_bytes or 0)))
    job.stored_bytes = max(expected, job.stored_bytes or 0)


async def admitted(
    settings: Settings,
    config: TrainingConfig | None,
    resources: ResourcesConfig,
    model: Sizes | None,
    cluster: ClusterView | None,
    path: str = "resources",
) -> ResourcesConfig:
    """Check resources against the operator's limits and the cluster; return them with a worker's memory filled in.

    Args:
        settings: the operator's limits.
        config: the training whose size decides; None: no memory is filled in.
        resources: the resources as requested.
        model: sizes of the base model; None: unknown, and no memory is filled in.
        cluster: checks whether any nodes could hold the workers; None: not checked.
        path: path of the resources in the request, for faults.

    Raises:
        InvalidRequestError: the resources are not allowed or fit no node; if memory is the reason, names changes of the
            config with which they would fit.
    """
    least = settings.least_cpus_per_worker
    if resources.cpus_per_worker < least:
        found = f"is {resources.cpus_per_worker:g}; a worker keeps a CPU busy, so that it takes at least {least:g}"
        fault = Fault(f"{path}.cpus_per_worker", f"{found} (the operator sets LIM_LEAST_CPUS_PER_WORKER)")
        raise InvalidRequestError.of([fault], code="too_few_cpus")
    sized = None
    if resources.memory_bytes_per_worker is None and model is not None and config is not None:
        sized = model, config
        if (needed := needed_memory(model, config, resources)) is not None:
            resources = resources.model_copy(update={"memory_bytes_per_worker": needed})
    if cluster is not None:
        faults = [
            Fault(fault.path.replace("resources", path, 1), fault.message)
            for fault in await asyncio.to_thread(cluster.faults, resources)
        ]
        if faults:
            if sized is not None and any("memory" in fault.path for fault in faults):
                nodes = await asyncio.to_thread(cluster.nodes)
                most = max((node.memory_bytes for node in nodes), default=0.0)
                faults.append(Fault("config", _advice(*sized, resources, most)))
            raise InvalidRequestError.of(faults, code="infeasible_resources")
    return resources


def needed_memory(
    model: Sizes, config: TrainingConfig, resources: ResourcesConfig, longest: Longest = UNKNOWN
) -> int | None:
    """Bytes to reserve for a worker on CPUs; None on GPUs, whose own memory matters and which Ray does not count."""
    if resources.gpus_per_worker:
        return None
    peak = peak_memory(
        model, config, _compute_bytes(config), longest=longest, workers=resources.num_workers, calibration=WORKER
    )
    return round(peak.bytes * MARGIN)


def _advice(model: Sizes, config: TrainingConfig, resources: ResourcesConfig, most_bytes: float) -> str:
    """Message that names single changes with which a worker would fit."""
    compute_bytes = _compute_bytes(config)
    enough = [
        change
        for change in changes(model, config, compute_bytes, calibration=WORKER)
        if change.peak_bytes * MARGIN <= most_bytes
    ]
    needed = resources.memory_bytes_per_worker or 0
    found = f"is estimated to need {needed / _GIB:.2f} GiB for a worker, {MARGIN - 1:.0%} of it as margin"
    if not model.exact:
        found += ", by the published model of the nearest size (the model's own config.json is not known here)"
    fitting = largest_micro_batch(model, config, compute_bytes, most_bytes / MARGIN, calibration=WORKER)
    if fitting is not None:
        found += f"; the largest micro-batch that fits is batch.micro_batch_cost: {fitting:g}"
    if not enough:
        return f"{found}; no single change makes it fit: take a smaller model, or set memory_bytes_per_worker yourself"
    told = "; ".join(
        f"{change.path}: {change.value} ({change.peak_bytes * MARGIN / _GIB:.2f} GiB)"
        for change in enough[:_MOST_CHANGES]
    )
    return f"{found}. It would fit with one of these: {told}"


def _compute_bytes(config: TrainingConfig) -> int:
    return 2 if config.precision in ("bfloat16", "float16") else 4


async def model_sizes(session: AsyncSession, model_id: str | None) -> Sizes | None:
    """Sizes of a base model; None: unknown, or there is no model."""
    model = None if model_id is None else await session.get(CatalogueModel, model_id)
    if model is None:
        return None
    try:
        return sizes_of(card_of(model))
    except ModelError:
        return None


async def _check_count(session: AsyncSession, settings: Settings, user_id: uuid.UUID) -> None:
    most = settings.max_unfinished_jobs_per_user
    unfinished = select(func.count()).where(Job.user_id == user_id, Job.status.in_(ACTIVE), Job.lane.is_(None))
    count = await session.scalar(unfinished) or 0
    if count >= most:
        raise ConflictError(
            f"There are {count} jobs that are not finished; at most {most} are allowed: stop some, or wait.",
            code="too_many_jobs",
        )
