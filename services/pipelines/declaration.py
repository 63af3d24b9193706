"""What a pipeline declares: its stages, and the faults in them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, TypeAdapter

from cluster.config import ResourcesConfig
from engine.config.base import Config
from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.config_faults import CheckedTrainingConfig
from services.pipelines.plan import Plan
from services.pipelines.registry import STAGES
from services.pipelines.stage import MOST_STAGES, StageFields
from services.pipelines.stages.compare import CompareStage, Gate
from services.pipelines.stages.evaluate import EvaluateStage
from services.pipelines.stages.export import ExportStage
from services.pipelines.stages.ingest import IngestStage
from services.pipelines.stages.select import SelectStage
from services.pipelines.stages.train import TrainStage
from services.pipelines.stages.validate import ValidateStage

if TYPE_CHECKING:
    Stage = StageFields
else:
    Stage = Annotated[
        functools.reduce(operator.or_, (kind.declaration for kind in STAGES.values())), Field(discriminator="type")
    ]
_STAGE: TypeAdapter[Stage] = TypeAdapter(Stage)
_COMMON: Final = ("name", "type", "needs", "retry")


class Declaration(Config):
    """What a pipeline does, on any dataset."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    model_id: Annotated[str, Field(max_length=200)]
    """Id of a base model in the catalogue."""
    config: CheckedTrainingConfig | None = None
    """The training of every stage that has none of its own."""
    resources: ResourcesConfig = ResourcesConfig()
    """Resources of the jobs whose stages have none of their own."""
    stages: Annotated[list[Stage], Field(min_length=1, max_length=MOST_STAGES)] | None = None
    """Stages and their dependencies; unset: ingest, validate, select, train, evaluate, compare and, for an adapter,
    export."""


def default_stages(config: TrainingConfig | None) -> list[StageFields]:
    """All stages to a version of an adapter, one after another; no export if every weight of the model is trained.

    Args:
        config: the pipeline's training.
    """
    method = config.method if config is not None else None
    stages: list[StageFields] = [
        IngestStage(name="ingest"),
        ValidateStage(name="validate"),
        SelectStage(name="select"),
        TrainStage(name="train"),
        EvaluateStage(name="evaluate"),
        CompareStage(
            name="compare", gates=[] if method is not None and method.from_scratch else [Gate(better_than_base=True)]
        ),
    ]
    if method is None or method.output == "adapter":
        stages.append(ExportStage(name="export"))
    return stages


def settings_of(stage: StageFields) -> dict[str, Any]:
    """The settings that are specific to a stage's type, as stored."""
    return stage.model_dump(mode="json", exclude=set(_COMMON))


def stage_of(type: str, name: str, settings: Mapping[str, Any]) -> StageFields:
    """A stage from its stored fields."""
    return _STAGE.validate_python({"type": type, "name": name, **settings})


def read_plan(stages: Sequence[StageFields], config: TrainingConfig | None) -> tuple[Plan | None, list[Fault]]:
    """The plan that a list of stages declares, or None and its faults.

    Args:
        stages: in the order in which they were given.
        config: the pipeline's own training config.
    """
    faults = list(_faults_of_names(stages))
    if faults:
        return None, faults
    needs = {
        stage.name: list(dict.fromkeys(stage.needs)) if stage.needs is not None else [s.name for s in stages[:i][-1:]]
        for i, stage in enumerate(stages)
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        return None, [Fault("stages", f"stages wait for each other: {circle}; leave out one of these needs")]
    plan = Plan({stage.name: stage for stage in stages}, needs)
    faults = [
        Fault(f"stages.{position}.{fault.path}", fault.message)
        for position, stage in enumerate(stages)
        for fault in STAGES[stage.type].faults(plan, stage, config)
    ]
    return (None if faults else plan), faults


def _faults_of_names(stages: Sequence[StageFields]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for position, stage in enumerate(stages):
        if stage.name in seen:
            yield Fault(
                f"stages.{position}.name", f"{stage.name!r} is the name of stage {seen[stage.name]} too; give another"
            )
        seen.setdefault(stage.name, position)
    for position, stage in enumerate(stages):
        for index, need in enumerate(stage.needs or ()):
            if need not in seen:
                yield Fault(f"stages.{position}.needs.{index}", f"no stage {need!r}; there are {', '.join(seen)}")
