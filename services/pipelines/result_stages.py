"""Stages about what was trained: find the best, and add it as a version of an adapter."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.metrics.registry import PRIMARY, Metric, metric_named
from services.adapters.requests import add_version, owned_adapters, versions_of
from services.database.models import Adapter, AdapterVersion, Job
from services.jobs.requests import find_job
from services.pipelines.kind import AtOnce, Done, Failed, Outcome, Work
from services.pipelines.plan import CompareStage, ExportStage, Gate


@dataclass(frozen=True, slots=True)
class _Candidate:
    stage: str
    training_id: uuid.UUID
    job: Job
    """The job that measured it."""
    primary: Metric
    """The metric that decides."""
    base: Mapping[str, float]
    """Metrics of its base; empty if they were not measured."""
    tuned: Mapping[str, float]

    @property
    def value(self) -> float:
        """Its primary metric."""
        return self.tuned[self.primary.name]


class Compare(AtOnce):
    """Finds the best candidate, and checks that it is good enough."""

    async def look(self, work: Work) -> Outcome:
        """Compare the candidates."""
        asked = work.stage(CompareStage)
        measured, unknown = [], []
        for name in work.plan.candidates(work.row.name):
            job = await find_job(work.session, work.pipeline.user_id, work.rows[name].job_id or uuid.UUID(int=0))
            result = job.result or {}
            base, tuned, primary = result.get("base") or {}, result.get("tuned") or {}, str(result.get("primary"))
            if tuned.get(primary) is not None:
                measured.append(_Candidate(name, job.training_id or job.id, job, metric_named(primary), base, tuned))
            else:
                unknown.append(name)
        if unknown:
            return Failed(f"{', '.join(unknown)} measured nothing: there were no test examples.")
        if len({_measured_on(each.job) for each in measured}) > 1:
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


class Export(AtOnce):
    """Adds a version of an adapter."""

    async def look(self, work: Work) -> Outcome:
        """Add the version. Idempotent: a training that is a version already stays that version."""
        asked = work.stage(ExportStage)
        source = work.plan.exported(work.row.name) or ""
        row = work.rows[source]
        training_id = uuid.UUID((row.result or {})["training_id"]) if row.type == "compare" else row.job_id
        name = asked.adapter or work.pipeline.name
        user_id = work.pipeline.user_id
        adapter = (await work.session.scalars(owned_adapters(user_id).where(Adapter.name == name))).one_or_none()
        if adapter is None:
            adapter = Adapter(id=uuid.uuid4(), user_id=user_id, name=name, project_id=work.pipeline.project_id)
            work.session.add(adapter)
            await work.session.flush()
        versions = versions_of(adapter.id).where(AdapterVersion.job_id == training_id)
        version = (await work.session.scalars(versions)).one_or_none()
        if version is None:
            version = await add_version(
                work.session, user_id, adapter.id, uuid.uuid4(), training_id or uuid.UUID(int=0), asked.notes
            )
        return Done(
            {"adapter_id": str(adapter.id), "adapter": name, "version": version.number, "job_id": str(training_id)}
        )


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
    if (data["dataset_id"], data["version"], _split(config, "test")) != _measured_on(best.job):
        return [f"{told} was measured on other examples; the two cannot be compared: leave not_worse_than out"]
    metric = best.primary
    if not metric.improves(value, best.value):
        return []
    worse = "higher" if metric.better == "lower" else "lower"
    return [
        f"its {metric.title} of {metric.shown(best.value, 2)} is {worse} than the {metric.shown(value, 2)} of {told}"
    ]


def _measured_on(job: Job) -> tuple[str, int, str]:
    """The utterances that a job's metrics were measured on: dataset, version and split."""
    return str(job.dataset_id), job.dataset_version, _split(job.config, (job.measurement or {}).get("split", "test"))


def _split(config: Mapping[str, Any], measured: str) -> str:
    """A split, with everything that determines its content."""
    return measured if measured == "all" else f"{measured} of {config.get('split')}, seed {config.get('seed')}"
