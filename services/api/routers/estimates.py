"""What a run will take: memory, time, cost, and where it fits."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cluster.config import ResourcesConfig
from cluster.devices import DeviceClass, device_classes
from engine.config.context import resolve_context
from engine.config.training import TrainingConfig
from engine.memory.architecture import Architecture, architecture_of
from engine.memory.first_order import Part, changes, peak_memory, trainable_parameters
from services.api.body import Body
from services.api.dependencies import CurrentUser, SessionDep, SettingsDep
from services.api.problems import problems
from services.catalogue.models import card_of, usable_model
from services.config_faults import CheckedTrainingConfig
from services.datasets.requests import find_dataset, ready_version
from services.estimates.amount import Pool, amount, training_pool
from services.estimates.measured import Measured, measured
from services.jobs.checks import check_task
from services.settings import Settings

router = APIRouter(prefix="/estimates", tags=["estimates"])

_MOST_CHANGES = 5


class EstimateBody(Body):
    """A run that might be launched."""

    model_config = ConfigDict(protected_namespaces=())

    model_id: Annotated[str, Field(max_length=200)]
    """Id of a base model in the catalogue."""
    dataset_id: uuid.UUID | None = None
    """A dataset that is ready; without it, how long `epochs` take is not known."""
    dataset_version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Number of its version; unset: the newest that is ready."""
    config: CheckedTrainingConfig
    """What would be trained, and how."""
    resources: ResourcesConfig = ResourcesConfig()
    """Where it would run; cost is counted for these."""


class MemoryOut(BaseModel):
    """Peak memory of one worker."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: Literal["first_order"] = "first_order"
    """How it was found: counted from sizes, not measured. Expect it to be off by a third."""
    sizes_known: bool
    """Whether the model's own config was at hand; else the sizes are those of the published model next to it."""
    compute_bytes: int
    """Width of the compute type that was assumed."""
    peak_bytes: int
    parts: dict[Part, int]
    """Bytes of each part; together they are the peak."""
    trainable_parameters: int
    measured_peak_bytes: int | None
    """The largest peak of earlier jobs with this model, method and context; unset: there were none."""


class TimeOut(BaseModel):
    """How long the run takes once it has started."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    wall_s: float | None
    """Seconds; unset: not known, and `reason` says why."""
    steps: int | None
    """Optimizer steps."""
    audio_s: float | None
    """Seconds of speech that it goes through, padding left out; unset: that depends on the dataset."""
    encoder_s: float | None
    """Seconds that the encoder runs over, padding and whole windows included."""
    audio_s_per_s: float | None
    """Median of earlier jobs with this model, method and context on such workers of this platform, in seconds of speech."""
    encoder_s_per_s: float | None
    """The same in seconds that the encoder ran over: the time is counted with this."""
    measured_jobs: int
    """How many of those there were."""
    reason: str | None = None


class CostOut(BaseModel):
    """What the run costs at the operator's prices."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    amount: float | None
    """Unset: not known, and `reason` says why."""
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
    """With this change alone."""


class DeviceOut(BaseModel):
    """Whether the run fits a class of devices."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    title: str
    memory_bytes: int
    usable_bytes: int
    """What is left for a worker."""
    peak_bytes: int
    """Of the run, in the type that this device computes in."""
    fits: bool
    changes: list[ChangeOut]
    """Where it does not fit: single changes with which it would, the least harmful first."""


class EstimateOut(BaseModel):
    """What a run will take."""

    memory: MemoryOut
    time: TimeOut
    cost: CostOut
    devices: list[DeviceOut]


@router.post("", responses=problems(400, 401, 404, 409, 413, 415, 422, 503))
async def estimate(body: EstimateBody, user: CurrentUser, session: SessionDep, settings: SettingsDep) -> EstimateOut:
    """What a run would take, without launching it."""
    model = await usable_model(session, body.model_id, body.config.task.type)
    pool = None
    if body.dataset_id is not None:
        dataset = await find_dataset(session, user.id, body.dataset_id)
        version = await ready_version(session, dataset, body.dataset_version)
        check_task(dataset, body.config.task.type)
        pool = training_pool(version.utterances, version.audio_s, version.statistics, body.config.split)
    sizes = architecture_of(card_of(model))
    context = resolve_context(body.config.context, sizes.trained_context)
    config = body.config.model_copy(update={"context": context})
    earlier = await measured(session, model.id, config, body.resources, sizes.trained_context)
    time = _time(config, pool, earlier)
    return EstimateOut(
        memory=_memory(sizes, config, body.resources, earlier),
        time=time,
        cost=_cost(settings, body.resources, time.wall_s),
        devices=[_device(device, sizes, config) for device in device_classes()],
    )


def _memory(sizes: Architecture, config: TrainingConfig, resources: ResourcesConfig, earlier: Measured) -> MemoryOut:
    compute_bytes = 2 if resources.gpus_per_worker or config.precision in ("bfloat16", "float16") else 4
    peak = peak_memory(sizes, config, compute_bytes)
    return MemoryOut(
        sizes_known=sizes.exact,
        compute_bytes=compute_bytes,
        peak_bytes=peak.bytes,
        parts=peak.parts,
        trainable_parameters=trainable_parameters(sizes, config),
        measured_peak_bytes=earlier.peak_bytes,
    )


def _time(config: TrainingConfig, pool: Pool | None, earlier: Measured) -> TimeOut:
    planned = amount(config, pool)
    reason = wall_s = None
    if planned is None:
        reason = "how long epochs take depends on the dataset: give dataset_id, or max_steps"
    elif earlier.encoder_s_per_s is None:
        reason = (
            "no job with this model, method and context has succeeded on such workers here yet: nothing was measured"
        )
    else:
        wall_s = planned.encoder_s / max(earlier.encoder_s_per_s, 1e-9) + (earlier.beside_s or 0.0)
    return TimeOut(
        wall_s=wall_s,
        steps=planned.steps if planned else None,
        audio_s=planned.audio_s if planned else None,
        encoder_s=planned.encoder_s if planned else None,
        audio_s_per_s=earlier.audio_s_per_s,
        encoder_s_per_s=earlier.encoder_s_per_s,
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


def _device(device: DeviceClass, sizes: Architecture, config: TrainingConfig) -> DeviceOut:
    peak = peak_memory(sizes, config, device.compute_bytes).bytes
    fits = peak <= device.usable_bytes
    enough = (
        [] if fits else [c for c in changes(sizes, config, device.compute_bytes) if c.peak_bytes <= device.usable_bytes]
    )
    return DeviceOut(
        id=device.id,
        title=device.title,
        memory_bytes=device.memory_bytes,
        usable_bytes=device.usable_bytes,
        peak_bytes=peak,
        fits=fits,
        changes=[ChangeOut(path=c.path, value=c.value, peak_bytes=c.peak_bytes) for c in enough[:_MOST_CHANGES]],
    )
