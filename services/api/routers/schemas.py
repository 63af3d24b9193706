"""JSON Schemas for forms and for checking configs, and presets to start from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from cluster.config import ResourcesConfig
from engine.config.form import SELECTION_GROUPS, TRAINING_GROUPS, form_schema
from engine.config.presets import presets
from engine.config.processing import ProcessingConfig
from engine.config.selection import SelectionConfig
from engine.config.tasks.registry import TASKS, TaskName
from engine.config.training import TrainingConfig
from engine.metrics.registry import FOLLOWED, METRICS, Better, Unit
from engine.models.catalogue import ModelCard
from services.api.dataset_models import DatasetBody
from services.api.dataset_version_models import RevisionBody
from services.api.dependencies import CurrentUser
from services.api.job_models import EvaluationJobBody
from services.api.problems import problems
from services.api.routers.pipelines import PipelineBody
from services.api.sweep_models import SweepBody

router = APIRouter(prefix="/schemas", tags=["schemas"])

BodyName = Literal["dataset", "evaluation", "model", "pipeline", "processing", "resources", "revision", "sweep"]
_BODIES: Final[Mapping[BodyName, type[BaseModel]]] = {
    "dataset": DatasetBody,
    "evaluation": EvaluationJobBody,
    "model": ModelCard,
    "pipeline": PipelineBody,
    "processing": ProcessingConfig,
    "resources": ResourcesConfig,
    "revision": RevisionBody,
    "sweep": SweepBody,
}


class PresetOut(BaseModel):
    """A start for a training config."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    title: str
    """For people."""
    description: str
    """When to take it, and what it costs."""
    tasks: list[str]
    """Tasks that it is for."""
    config: dict[str, Any]
    """Fields of a training config that differ from the defaults; `task` comes from the data."""


class PresetsOut(BaseModel):
    """Presets, the cheapest first."""

    items: list[PresetOut]


class MetricOut(BaseModel):
    """A metric, for tables and plots."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    name: str
    """As in the results of jobs."""
    title: str
    """Short, for people."""
    meaning: str
    """What it counts."""
    better: Better
    """The direction that is better."""
    unit: Unit
    """`share`: a share of something counted, 0 to 1, to show in percent. `score`: a number, to show as it is."""


class MetricsOut(BaseModel):
    """All metrics."""

    items: list[MetricOut]


class TaskOut(BaseModel):
    """A task that models learn."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    targets: list[str]
    """Types of the targets that it learns. Tasks with a type in common can learn from the same datasets."""


class TasksOut(BaseModel):
    """All tasks."""

    items: list[TaskOut]


@router.get("/metrics", responses=problems(401, 503))
async def list_metrics(_: CurrentUser) -> MetricsOut:
    """All metrics that jobs report: how each is called, and which direction is better."""
    return MetricsOut(items=[MetricOut.model_validate(metric) for metric in (*METRICS.values(), *FOLLOWED.values())])


@router.get("/tasks", responses=problems(401, 503))
async def list_tasks(_: CurrentUser) -> TasksOut:
    """All tasks, and what each learns from."""
    return TasksOut(items=[TaskOut(name=name, targets=list(task.targets)) for name, task in TASKS.items()])


@router.get("/training", responses=problems(401, 503))
async def training_schema(_: CurrentUser) -> dict[str, Any]:
    """The JSON Schema of a training config, with defaults, limits and descriptions.

    For forms, every field has a `title`, `x-group` (one of the root's `x-groups`), `x-level` (`basic`, `advanced`,
    `expert`) and, if it has one, `x-unit`.
    """
    return _training()


@router.get("/selection", responses=problems(401, 503))
async def selection_schema(_: CurrentUser) -> dict[str, Any]:
    """The JSON Schema of a selection config, as that of a training config."""
    return _selection()


@router.get("/presets", responses=problems(401, 422, 503))
async def training_presets(_: CurrentUser, task: TaskName | None = None) -> PresetsOut:
    """Training configs to start from, the cheapest first; with `task`, those for this task."""
    found = [(name, preset) for name, preset in presets().items() if task is None or task in preset.tasks]
    return PresetsOut(items=[PresetOut(id=name, **preset.model_dump()) for name, preset in found])


@router.get("/bodies/{name}", responses=problems(401, 422, 503))
async def body_schema(name: BodyName, _: CurrentUser) -> dict[str, Any]:
    """The JSON Schema of what a creating call takes, such as a sweep, or of a part of it, such as a job's resources."""
    return _body(name)


@cache
def _training() -> dict[str, Any]:
    return form_schema(TrainingConfig, TRAINING_GROUPS)


@cache
def _selection() -> dict[str, Any]:
    return form_schema(SelectionConfig, SELECTION_GROUPS)


@cache
def _body(name: BodyName) -> dict[str, Any]:
    return form_schema(_BODIES[name])
