"""Estimates of a run: memory, time, cost, and fitting devices."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from cluster.config import ResourcesConfig
from cluster.devices import DeviceClass, device_classes
from engine.config.context import resolve_context
from engine.config.training import TrainingConfig
from engine.data.planning import Lengths, Plan, plan
from engine.errors import Fault, ModelError
from engine.families.costing import costing_of
from engine.memory.calibration import WORKER
from engine.memory.peak import UNKNOWN, Part, Phase, changes, largest_micro_batch, peak_memory, trainable_parameters
from engine.memory.shape import Longest
from engine.memory.sizes import Sizes, sizes_of
from services.api.body import Body
from services.api.dependencies import CurrentUser, SessionDep, SettingsDep
from services.api.problems import problems
from services.catalogue.models import card_of, describe, usable_model
from services.config_faults import CheckedTrainingConfig
from services.database.models import DatasetVersion
from services.datasets.find import find_dataset, ready_version
from services.errors import InvalidRequestError
from services.estimates.amount import training_pool
from services.estimates.measured import Measured, measured
from services.jobs.admission import needed_memory
from services.jobs.checks import check_task
from services.settings import Settings

router = APIRouter(prefix="/estimates", tags=["estimates"])

_MOST_CHANGES = 5


class EstimateBody(Body):
    """A run to estimate."""

    model_config = ConfigDict(protected_namespaces=())

    model_id: Annotated[str, Field(max_length=200)]
    """Id of a base model in the catalogue."""
    dataset_id: uuid.UUID | None = None
    """A dataset that is ready; without it the duration of `epochs` is unknown."""
    dataset_version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Number of its version; unset: the newest that is ready."""
    config: CheckedTrainingConfig
    """What to train, and how."""
    resources: ResourcesConfig = ResourcesConfig()
    """Resources; the cost is for these."""


class MemoryOut(BaseModel):
    """Peak memory of one worker."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: Literal["tape"] = "tape"
    """Method: weights and activations are counted operation by operation; what libraries take is calibrated. For its error
    see docs/studies/memory.md."""
    sizes_known: bool
    """Whether the sizes come from the model's own config; otherwise from the published model of the nearest size."""
    compute_bytes: int
    """Assumed bytes of the compute type."""
    peak_bytes: int
    phase: Phase
    """The part of the run that needs most."""
    parts: dict[Part, int]
    """Bytes of each part in this phase; their sum is the peak."""
    phases: dict[Phase, int]
    """Peak of each phase, in bytes."""
    reserved_bytes: int | None
    """Memory reserved for each worker: as configured, or on CPUs the peak and 15 % as margin.
    Unset: nothing is reserved, the default on GPUs."""
    trainable_parameters: int
    measured_peak_bytes: int | None
    """Largest peak of earlier jobs with this model, method and context; unset without any."""


class TimeOut(BaseModel):
    """Duration of the run once it has started."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    wall_s: float | None
    """Seconds; unset if unknown, with the `reason`."""
    steps: int | None
    """Optimizer steps."""
    cost_unit: str
    """Unit of costs, such as seconds of audio, tokens or pixels."""
    cost: float | None
    """Cost of all examples that it trains on, without padding; unset if it depends on the dataset."""
    padded_cost: float | None
    """The same with padding and whole windows."""
    cost_per_s: float | None
    """Median speed of earlier jobs with this model, task, method, context and workers."""
    padded_cost_per_s: float | None
    """The same with padding; the estimate uses this."""
    measured_jobs: int
    """Number of those jobs."""
    reason: str | None = None


class CostOut(BaseModel):
    """Cost of the run at the operator's prices."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    amount: float | None
    """Unset if unknown, with the `reason`."""
    currency: str
    cpu_hours: float | None
    gpu_hours: float | None
    reason: str | None = None


class ChangeOut(BaseModel):
    """One change of the config."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """Field of the config."""
    value: Any
    peak_bytes: int
    """Peak with only this change, in bytes."""


class DeviceOut(BaseModel):
    """Whether the run fits a class of devices."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    title: str
    memory_bytes: int
    usable_bytes: int
    """Memory left for a worker, in bytes."""
    peak_bytes: int
    """Peak of the run in this device's compute type, in bytes."""
    fits: bool
    largest_micro_batch_cost: float | None
    """Largest `batch.micro_batch_cost` up to `batch.cost` that fits, in whole examples; unset: not even one example fits."""
    changes: list[ChangeOut]
    """If the run does not fit: single changes that would make it fit, the least harmful first."""


class EstimateOut(BaseModel):
    """Estimate of a run."""

    memory: MemoryOut
    time: TimeOut
    cost: CostOut
    devices: list[DeviceOut]


@router.post("", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def estimate(body: EstimateBody, user: CurrentUser, session: SessionDep, settings: SettingsDep) -> EstimateOut:
    """Estimate a run without launching it."""
    model = await usable_model(session, body.model_id, body.config.task.type)
    await describe(settings, model.source)
    lengths: tuple[Lengths, ...] = ()
    targets = 1.0
    if body.dataset_id is not None:
        dataset = await find_dataset(session, user.id, body.dataset_id)
        version = await ready_version(session, dataset, body.dataset_version)
        check_task(dataset, body.config.task.type)
        histograms = await session.scalar(
            select(DatasetVersion.report["validation"]["histograms"]).where(DatasetVersion.id == version.id)
        )
        pool = training_pool(version.utterances, version.audio_s, version.statistics, body.config.split, histograms)
        lengths, targets = pool.lengths, pool.targets
    card = card_of(model)
    try:
        sizes = sizes_of(card)
        costing = costing_of(card.reference(), body.config, targets)
    except ModelError:
        message = f"its config.json is not one of a {card.family} model; an admin can correct its source or its family"
        raise InvalidRequestError.of([Fault("model_id", message)], code="model_unusable") from None
    longest = Longest(max(each.length for each in lengths)) if lengths else UNKNOWN
    planned = plan(body.config, costing, lengths)
    context = resolve_context(body.config.context, sizes.trained_context)
    config = body.config.model_copy(update={"context": context})
    earlier = await measured(session, card.reference(), config, body.resources, sizes.trained_context)
    time = _time(planned, costing.unit, earlier)
    return EstimateOut(
        memory=_memory(sizes, config, body.resources, longest, earlier),
        time=time,
        cost=_cost(settings, body.resources, time.wall_s),
        devices=[_device(device, sizes, config, longest) for device in device_classes()],
    )


def _memory(
    sizes: Sizes, config: TrainingConfig, resources: ResourcesConfig, longest: Longest, earlier: Measured
) -> MemoryOut:
    compute_bytes = 2 if resources.gpus_per_worker or config.precision in ("bfloat16", "float16") else 4
    on_gpu = resources.gpus_per_worker > 0
    peak = peak_memory(
        sizes, config, compute_bytes, longest=longest, calibration=WORKER, workers=resources.num_workers, on_gpu=on_gpu
    )
    return MemoryOut(
        sizes_known=sizes.exact,
        compute_bytes=compute_bytes,
        peak_bytes=peak.bytes,
        phase=peak.phase,
        parts=peak.parts,
        phases=peak.totals,
        reserved_bytes=resources.memory_bytes_per_worker or needed_memory(sizes, config, resources, longest),
        trainable_parameters=trainable_parameters(sizes, config),
        measured_peak_bytes=earlier.peak_bytes,
    )


def _time(planned: Plan | None, unit: str, earlier: Measured) -> TimeOut:
    reason = wall_s = None
    if planned is None:
        reason = "how long epochs take depends on the dataset: give dataset_id, or max_steps"
    elif earlier.padded_cost_per_s is None:
        reason = "no job with this model, task, method and context has succeeded on such workers here yet: nothing was measured"
    else:
        wall_s = planned.padded_cost / max(earlier.padded_cost_per_s, 1e-9) + (earlier.beside_s or 0.0)
    return TimeOut(
        wall_s=wall_s,
        steps=planned.steps if planned else None,
        cost_unit=unit,
        cost=planned.cost if planned else None,
        padded_cost=planned.padded_cost if planned else None,
        cost_per_s=earlier.cost_per_s,
        padded_cost_per_s=earlier.padded_cost_per_s,
        measured_jobs=earlier.jobs,
        reason=reason,
    )


def _cost(settings: Settings, resources: ResourcesConfig, wall_s: float | None) -> CostOut:
    if wall_s is None:
        unknown = "the time is not known"
        return CostOut(amount=None, currency=settings.currency, cpu_hours=None, gpu_hours=None, reason=unknown)
    hours = wall_s / 3600 * resources.num_workers
    cpu_hours, gpu_hours = hours * resources.cpus_per_worker, hours * resources.gpus_per_worker
    prices = settings.cpu_hour_price, settings.gpu_hour_price
    reason = None if any(prices) else "no prices are set: LIM_CPU_HOUR_PRICE, LIM_GPU_HOUR_PRICE"
    return CostOut(
        amount=cpu_hours * prices[0] + gpu_hours * prices[1] if any(prices) else None,
        currency=settings.currency,
        cpu_hours=cpu_hours,
        gpu_hours=gpu_hours,
        reason=reason,
    )


def _device(device: DeviceClass, sizes: Sizes, config: TrainingConfig, longest: Longest) -> DeviceOut:
    peak = peak_memory(sizes, config, device.compute_bytes, longest=longest, calibration=WORKER).bytes
    fits = peak <= device.usable_bytes
    lighter = () if fits else changes(sizes, config, device.compute_bytes, longest=longest, calibration=WORKER)
    enough = [change for change in lighter if change.peak_bytes <= device.usable_bytes]
    return DeviceOut(
        id=device.id,
        title=device.title,
        memory_bytes=device.memory_bytes,
        usable_bytes=device.usable_bytes,
        peak_bytes=peak,
        fits=fits,
        largest_micro_batch_cost=largest_micro_batch(
            sizes, config, device.compute_bytes, device.usable_bytes, longest=longest, calibration=WORKER
        ),
        changes=[ChangeOut(path=c.path, value=c.value, peak_bytes=c.peak_bytes) for c in enough[:_MOST_CHANGES]],
    )
