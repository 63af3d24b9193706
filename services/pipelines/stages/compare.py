"""Find the best of what was trained."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.config.base import Config, DisagreementError
from engine.config.training import TrainingConfig
from engine.errors import Fault
from engine.metrics.registry import PRIMARY, Metric, MetricName, metric_named
from services.adapters.requests import owned_adapters, versions_of
from services.database.models import Adapter, AdapterVersion, Job
from services.jobs.owned import find_job
from services.pipelines.contract import Done, Failed, Outcome, StageKind, Work
from services.pipelines.plan import Plan
from services.pipelines.stage import StageFields
from services.pipelines.stages.evaluate import EvaluateStage
from services.pipelines.trainings import candidates, measured_training, measures_base

Bound = Annotated[float, Field(ge=-1e6, le=1e6)]


class Gate(Config):
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


class CompareStage(StageFields):
    """Finds the best of the evaluations (or, without any, trainings) among its predecessors; fails if it is too bad."""

    type: Literal["compare"] = "compare"
    gates: Annotated[list[Gate], Field(max_length=20)] = [Gate(better_than_base=True)]
    """What the best one must reach, or the stage fails."""
    not_worse_than: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Name of an adapter of the caller, whose newest version, if it has one, must not be better by the primary metric.
    Both must have been measured on the same examples."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    stage: str
    training_id: uuid.UUID
    measured_on: tuple[str, int, str]
    """The examples that its metrics were measured on: dataset, version and split."""
    primary: Metric
    """The metric that decides."""
    base: Mapping[str, float]
    """Metrics of its base; empty if they were not measured."""
    tuned: Mapping[str, float]

    @property
    def value(self) -> float:
        """Its primary metric."""
        return self.tuned[self.primary.name]


class Compare(StageKind[CompareStage]):
    """Finds the best candidate, and checks that it is good enough."""

    declaration = CompareStage

    def faults(self, plan: Plan, stage: CompareStage, config: TrainingConfig | None) -> Iterator[Fault]:
        """There is something to compare, and each gate can be decided."""
        if not candidates(plan, stage.name):
            yield Fault("needs", "leads to no evaluation and no training; there is nothing to compare")
            return
        without = [name for name in candidates(plan, stage.name) if not measures_base(plan, name, config)]
        for number, gate in enumerate(stage.gates):
            if gate.better_than_base and without:
                found = f"needs the metrics of a base, which {', '.join(without)} will not measure"
                yield Fault(
                    f"gates.{number}.better_than_base",
                    f"{found}; let them (base: true), or leave this gate out; a random start has none",
                )

    async def look(self, work: Work) -> Outcome:
        """Compare the candidates."""
        asked = work.stage(CompareStage)
        measured, unknown = [], []
        for name in candidates(work.plan, work.row.name):
            job = await find_job(work.session, work.pipeline.user_id, _job_id(work, name))
            result = job.result or {}
            base, tuned, primary = result.get("base") or {}, result.get("tuned") or {}, str(result.get("primary"))
            if tuned.get(primary) is not None:
                training_id = _job_id(work, measured_training(work.plan, name) or name)
                on = _measured_on(job, work.plan.stages[name])
                measured.append(_Candidate(name, training_id, on, metric_named(primary), base, tuned))
            else:
                unknown.append(name)
        if unknown:
            return Failed(f"{', '.join(unknown)} measured nothing: there were no test examples.")
        if len({each.measured_on for each in measured}) > 1:
            names = ", ".join(each.stage for each in measured)
            return Failed(f"{names} were measured on different examples; their metrics cannot be compared.")
        if len({each.primary.name for each in measured}) > 1:
            judged = ", ".join(f"{each.stage} by {each.primary.title}" for each in measured)
            return Failed(f"the candidates are judged by different metrics ({judged}) and cannot be compared.")
        best = measured[0]
        for each in measured[1:]:
            best = each if each.primary.improves(each.value, best.value) else best
        before = await self._newest_version(work, asked.not_worse_than) if asked.not_worse_than else None
        faults = [fault for gate in asked.gates for fault in _not_passed(best, gate)]
        faults += _worse_than(before, best) if before is not None else ()
        if faults:
            return Failed(f"{best.stage} is best, and not good enough: {'; '.join(faults)}.")
        told: dict[str, Any] = {
            "winner": best.stage,
            "training_id": str(best.training_id),
            "primary": best.primary.name,
            "base": dict(best.base) or None,
            "tuned": dict(best.tuned),
            "candidates": [
                {"stage": each.stage, "training_id": str(each.training_id), "tuned": dict(each.tuned)}
                for each in measured
            ],
        }
        if before is not None:
            told["not_worse_than"] = {"version": before.number, "tuned": before.lineage["result"].get("tuned")}
        return Done(told)

    async def _newest_version(self, work: Work, adapter: str) -> AdapterVersion | None:
        found = (
            await work.session.scalars(owned_adapters(work.pipeline.user_id).where(Adapter.name == adapter))
        ).one_or_none()
        if found is None:
            return None
        newest = versions_of(found.id).order_by(AdapterVersion.number.desc()).limit(1)
        return (await work.session.scalars(newest)).one_or_none()


def _not_passed(best: _Candidate, gate: Gate) -> list[str]:
    """Why a candidate does not pass a gate; empty if it does."""
    metric = best.primary if gate.metric == PRIMARY else metric_named(gate.metric)
    value = best.tuned.get(metric.name)
    if value is None:
        return [f"its {metric.title} was not measured"]
    shown = f"its {metric.title} of {metric.shown(value, 2)}"
    if gate.at_least is not None and not value >= gate.at_least:
        return [f"{shown} is lower than {metric.shown(gate.at_least, 2)}"]
    if gate.at_most is not None and not value <= gate.at_most:
        return [f"{shown} is higher than {metric.shown(gate.at_most, 2)}"]
    if not gate.better_than_base:
        return []
    base = best.base.get(metric.name)
    if base is None:
        return [f"the {metric.title} of its base was not measured; let the evaluation measure it (base: true)"]
    if metric.improves(value, base):
        return []
    return [f"{shown} is not {metric.better} than the {metric.shown(base, 2)} of its base"]


def _worse_than(before: AdapterVersion, best: _Candidate) -> list[str]:
    """Why a candidate is worse than an existing version, or cannot be compared with it."""
    told = f"version {before.number} of the adapter"
    data, config = before.lineage["data"], before.lineage["config"]
    value = (before.lineage["result"].get("tuned") or {}).get(best.primary.name)
    if value is None:
        return [f"{told} was never measured; the two cannot be compared: leave not_worse_than out"]
    if (data["dataset_id"], data["version"], _split(config, "test")) != best.measured_on:
        return [f"{told} was measured on other examples; the two cannot be compared: leave not_worse_than out"]
    metric = best.primary
    if not metric.improves(value, best.value):
        return []
    worse = "higher" if metric.better == "lower" else "lower"
    return [
        f"its {metric.title} of {metric.shown(best.value, 2)} is {worse} than the {metric.shown(value, 2)} of {told}"
    ]


def _measured_on(job: Job, stage: StageFields) -> tuple[str, int, str]:
    """The examples that a stage's metrics were measured on: dataset, version and split."""
    split = stage.measurement.split if isinstance(stage, EvaluateStage) else "test"
    return str(job.dataset_id), job.dataset_version, _split(job.spec["config"], split)


def _split(config: Mapping[str, Any], measured: str) -> str:
    """A split, with everything that determines its content."""
    return measured if measured == "all" else f"{measured} of {config.get('split')}, seed {config.get('seed')}"


def _job_id(work: Work, name: str) -> uuid.UUID:
    return work.rows[name].job_id or uuid.UUID(int=0)
