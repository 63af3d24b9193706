"""The declaration of a pipeline: its stages, their dependencies, and the faults in them.

A stage runs when all its dependencies have succeeded. It works on what its predecessors made: a training takes what the
selection among them chose, an evaluation measures the training among them, an export takes the winner of the
comparison.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, model_validator

from cluster.config import ResourcesConfig
from engine.config.base import Config, DisagreementError
from engine.config.measurement import MeasurementConfig
from engine.config.selection import SelectionConfig
from engine.config.selection_for import selection_faults
from engine.config.training import TrainingConfig
from engine.data.report import Code, DatasetCode, WarningCode
from engine.errors import Fault
from engine.metrics.registry import PRIMARY, MetricName
from services.config_faults import CheckedSelectionConfig, CheckedTrainingConfig

MOST_STAGES: Final = 50
Bound = Annotated[float, Field(ge=-1e6, le=1e6)]
StageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class _Declared(Config):
    model_config = ConfigDict(protected_namespaces=())


class RetryPolicy(_Declared):
    """How a failed stage is retried. Permanent failures are not retried."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Attempts in total."""
    backoff_s: Annotated[float, Field(ge=0, le=3600)] = 10.0
    """Seconds before the second attempt; doubled before each further one."""
    most_backoff_s: Annotated[float, Field(ge=0, le=86400)] = 600.0
    """Longest wait, in seconds."""

    def wait_s(self, tries: int) -> float:
        """Seconds to wait after this many attempts."""
        return float(min(self.backoff_s * 2.0 ** min(tries - 1, 60), self.most_backoff_s))


class _Stage(_Declared):
    name: StageName = ""
    """Name of the stage in the pipeline; unset: its type."""
    needs: Annotated[list[StageName], Field(max_length=MOST_STAGES)] | None = None
    """Stages that have to succeed first; unset: the one before it in the list."""
    retry: RetryPolicy = RetryPolicy()
    """Retries when it fails."""

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_type(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("name") is None and isinstance(value.get("type"), str):
            return {**value, "name": value["type"]}
        return value


class IngestStage(_Stage):
    """Waits until the dataset is ready; interrupted fetching and processing are retried."""

    type: Literal["ingest"] = "ingest"


class ValidateStage(_Stage):
    """Checks that the dataset is good enough."""

    type: Literal["validate"] = "validate"
    least_utterances: Annotated[int, Field(ge=1, le=2**31)] = 1
    """Minimum number of good items."""
    least_audio_s: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    """Minimum length of the good audio, in seconds."""
    most_set_aside_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Maximum share of items that were rejected."""
    refuse: Annotated[list[Code | WarningCode | DatasetCode], Field(max_length=100)] = []
    """Findings that must not be in its report."""


class SelectStage(_Stage):
    """Selects what is worth training on, as a job."""

    type: Literal["select"] = "select"
    selection: CheckedSelectionConfig = SelectionConfig()
    """How to select."""
    config: CheckedTrainingConfig | None = None
    """The training that it is for; unset: the pipeline's."""
    resources: ResourcesConfig | None = None
    """Resources of the job; unset: the pipeline's."""


class TrainStage(_Stage):
    """Trains, as a job, on what the selection among its predecessors chose, if there is one."""

    type: Literal["train"] = "train"
    config: CheckedTrainingConfig | None = None
    """The training; unset: the pipeline's."""
    resources: ResourcesConfig | None = None
    """Resources of the job; unset: the pipeline's."""


class EvaluateStage(_Stage):
    """Evaluates the training among its predecessors, as a job."""

    type: Literal["evaluate"] = "evaluate"
    measurement: MeasurementConfig = MeasurementConfig()
    """What to measure."""
    dataset_id: uuid.UUID | None = None
    """Other data to measure on; unset: the pipeline's."""
    dataset_version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Version of that dataset; unset: of other data the newest ready one, else the one that the pipeline uses."""
    resources: ResourcesConfig | None = None
    """Resources of the job, such as the device that the adapter is for; unset: the pipeline's, with one worker."""


class Gate(_Declared):
    """What the best candidate must reach in one metric: one of `at_least`, `at_most` and `better_than_base`."""

    metric: MetricName = PRIMARY
    """The metric; `primary`: the one that decides for the candidates."""
    at_least: Bound | None = None
    """Smallest value that passes."""
    at_most: Bound | None = None
    """Largest value that passes; 0.15 is 15 %."""
    better_than_base: bool = False
    """The value must be better than that of the base."""

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Gate:
        asked = [self.at_least is not None, self.at_most is not None, self.better_than_base]
        if sum(asked) != 1:
            message = f"found {sum(asked)} of at_least, at_most and better_than_base; give one of them"
            raise DisagreementError([Fault("at_least", message)])
        return self


class CompareStage(_Stage):
    """Finds the best of the evaluations (or, without any, trainings) among its predecessors; fails if it is too bad."""

    type: Literal["compare"] = "compare"
    gates: Annotated[list[Gate], Field(max_length=20)] = [Gate(better_than_base=True)]
    """What the best one must reach, or the stage fails."""
    not_worse_than: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Name of an adapter of the caller, whose newest version, if it has one, must not be better by the primary metric.
    Both must have been measured on the same examples."""


class ExportStage(_Stage):
    """Adds the newest version of an adapter: the winner of the comparison among its predecessors, or the training."""

    type: Literal["export"] = "export"
    adapter: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Name of an adapter of the caller, created if there is none; unset: the pipeline's name."""
    notes: Annotated[str, Field(max_length=4000)] = ""
    """Notes of the version."""


Stage = Annotated[
    IngestStage | ValidateStage | SelectStage | TrainStage | EvaluateStage | CompareStage | ExportStage,
    Field(discriminator="type"),
]
JobStage = SelectStage | TrainStage | EvaluateStage
_STAGE: TypeAdapter[Stage] = TypeAdapter(Stage)
_COMMON: Final = ("name", "type", "needs", "retry")


def default_stages(config: TrainingConfig | None) -> list[Stage]:
    """All stages to a version of an adapter, one after another; no export if every weight of the model is trained.

    Args:
        config: the pipeline's training.
    """
    method = config.method if config is not None else None
    stages: list[Stage] = [
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


def settings_of(stage: Stage) -> dict[str, Any]:
    """The settings that are specific to a stage's type, as stored."""
    return stage.model_dump(mode="json", exclude=set(_COMMON))


def stage_of(type: str, name: str, settings: Mapping[str, Any]) -> Stage:
    """A stage from its stored fields."""
    return _STAGE.validate_python({"type": type, "name": name, **settings})


class Declaration(_Declared):
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


class Plan:
    """Stages and their dependencies, by name."""

    def __init__(self, stages: Mapping[str, Stage], needs: Mapping[str, Sequence[str]]) -> None:
        """Expects stages that have been checked (`read_plan`)."""
        self.stages = stages
        self.needs = needs
        self._forerunners: dict[str, list[str]] = {}

    def forerunners(self, name: str) -> list[str]:
        """All direct and indirect dependencies of a stage, the nearest first."""
        if name not in self._forerunners:
            self._forerunners[name] = self._found_before(name)
        return self._forerunners[name]

    def _found_before(self, name: str) -> list[str]:
        found: dict[str, None] = {}
        nearest = list(self.needs[name])
        while nearest:
            found.update(dict.fromkeys(nearest))
            further = dict.fromkeys(far for near in nearest for far in self.needs.get(near, ()))
            nearest = [far for far in further if far not in found]  # each once, even if several paths lead there
        return list(found)

    def before(self, name: str, type: str) -> list[str]:
        """The predecessors of a stage that have a type, the nearest first."""
        return [each for each in self.forerunners(name) if self.stages[each].type == type]

    def candidates(self, name: str) -> list[str]:
        """What a comparison compares: evaluations, or without any, trainings."""
        return self.before(name, "evaluate") or self.before(name, "train")

    def training_of(self, name: str, config: TrainingConfig | None) -> TrainingConfig | None:
        """The config of the training that a stage is, or that it measures.

        Args:
            name: name of a training or an evaluation.
            config: the pipeline's own training config.
        """
        stage = self.stages[name]
        if isinstance(stage, TrainStage):
            return stage.config or config
        trainings = self.before(name, "train")
        return self.training_of(trainings[0], config) if len(trainings) == 1 else None

    def measures_base(self, name: str, config: TrainingConfig | None) -> bool:
        """Whether a training or an evaluation measures the base, too; True if that is not known."""
        stage, training = self.stages[name], self.training_of(name, config)
        if training is None:
            return True
        asked = stage.measurement.base if isinstance(stage, EvaluateStage) else training.evaluation.base
        return asked and not training.method.from_scratch

    def makes_adapter(self, name: str, config: TrainingConfig | None) -> bool:
        """Whether a training makes an adapter; True if that is not known."""
        training = self.training_of(name, config)
        return training is None or training.method.output == "adapter"

    def exported(self, name: str) -> str | None:
        """The stage whose result an export takes: the nearest comparison, or the only training; None: neither."""
        comparisons = self.before(name, "compare")
        if comparisons:
            return comparisons[0]
        trainings = self.before(name, "train")
        return trainings[0] if len(trainings) == 1 else None


def read_plan(stages: Sequence[Stage], config: TrainingConfig | None) -> tuple[Plan | None, list[Fault]]:
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
        fault
        for position, stage in enumerate(stages)
        for fault in _faults_of(plan, stage, f"stages.{position}", config)
    ]
    return (None if faults else plan), faults


def _faults_of_names(stages: Sequence[Stage]) -> Iterator[Fault]:
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


def _faults_of(plan: Plan, stage: Stage, path: str, config: TrainingConfig | None) -> Iterator[Fault]:
    if isinstance(stage, SelectStage | TrainStage) and stage.config is None and config is None:
        yield Fault(f"{path}.config", "is not given, and the pipeline has none; give one of them")
    if isinstance(stage, TrainStage) and len(plan.before(stage.name, "select")) > 1:
        several = ", ".join(plan.before(stage.name, "select"))
        yield Fault(f"{path}.needs", f"leads to more than one selection: {several}; a training takes one")
    if isinstance(stage, EvaluateStage):
        trainings = plan.before(stage.name, "train")
        if len(trainings) != 1:
            found = ", ".join(trainings) or "none"
            yield Fault(f"{path}.needs", f"leads to these trainings: {found}; an evaluation measures one")
        if stage.resources is not None and stage.resources.num_workers != 1:
            found = f"is {stage.resources.num_workers}; an evaluation takes one worker"
            yield Fault(f"{path}.resources.num_workers", found)
    if isinstance(stage, SelectStage) and (training := stage.config or config) is not None:
        yield from (
            Fault(f"{path}.{fault.path}", fault.message) for fault in selection_faults(stage.selection, training)
        )
    if isinstance(stage, CompareStage) and not plan.candidates(stage.name):
        yield Fault(f"{path}.needs", "leads to no evaluation and no training; there is nothing to compare")
    elif isinstance(stage, CompareStage):
        without = [name for name in plan.candidates(stage.name) if not plan.measures_base(name, config)]
        for number, gate in enumerate(stage.gates):
            if gate.better_than_base and without:
                found = f"needs the metrics of a base, which {', '.join(without)} will not measure"
                yield Fault(
                    f"{path}.gates.{number}.better_than_base",
                    f"{found}; let them (base: true), or leave this gate out; a random start has none",
                )
    if isinstance(stage, ExportStage) and plan.exported(stage.name) is None:
        found = ", ".join(plan.before(stage.name, "train")) or "none"
        yield Fault(
            f"{path}.needs",
            f"leads to no comparison, and to these trainings: {found}; an export takes the winner of one, or one training",
        )
    elif isinstance(stage, ExportStage):
        whole = [name for name in plan.before(stage.name, "train") if not plan.makes_adapter(name, config)]
        if whole:
            found = f"leads to {', '.join(whole)}, where every weight is trained; a version is of an adapter"
            yield Fault(f"{path}.needs", f"{found}: train with qlora or lora, or leave the export out")
