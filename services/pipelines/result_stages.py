"""Stages about what was trained: find the best, and add it as a version of an adapter."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.metrics.primary import ErrorRate
from services.adapters.requests import add_version, owned_adapters, versions_of
from services.database.models import Adapter, AdapterVersion, Job
from services.jobs.requests import find_job
from services.pipelines.kind import AtOnce, Done, Failed, Outcome, Work
from services.pipelines.plan import CompareStage, ExportStage

_FIGURES: Final = ("base_wer", "base_cer", "adapter_wer", "adapter_cer")


@dataclass(frozen=True, slots=True)
class _Candidate:
    stage: str
    training_id: uuid.UUID
    job: Job
    """The job that measured it."""
    primary: ErrorRate
    """Which error rate is decisive."""
    figures: Mapping[str, float | None]
    """`base_wer`, `base_cer`, `adapter_wer`, `adapter_cer`."""

    @property
    def rate(self) -> float:
        """Its decisive error rate."""
        return self.figures[f"adapter_{self.primary}"] or 0.0

    @property
    def base_rate(self) -> float | None:
        """The decisive error rate of its base."""
        return self.figures[f"base_{self.primary}"]


class Compare(AtOnce):
    """Finds the best candidate, and checks that it is good enough."""

    async def look(self, work: Work) -> Outcome:
        """Compare the candidates."""
        asked = work.stage(CompareStage)
        measured, unknown = [], []
        for name in work.plan.candidates(work.row.name):
            job = await find_job(work.session, work.pipeline.user_id, work.rows[name].job_id or uuid.UUID(int=0))
            result = job.result or {}
            primary = _primary(result)
            if result.get(f"adapter_{primary}") is None:
                unknown.append(name)
            else:
                figures = {figure: result.get(figure) for figure in _FIGURES}
                measured.append(_Candidate(name, job.training_id or job.id, job, primary, figures))
        if unknown:
            return Failed(f"{', '.join(unknown)} measured no error rate: there were no test utterances.")
        if len({_measured_on(each.job) for each in measured}) > 1:
            names = ", ".join(each.stage for each in measured)
            return Failed(f"{names} were measured on different utterances; their error rates cannot be compared.")
        best = min(measured, key=lambda each: each.rate)
        before = await self._newest_version(work, asked.not_worse_than) if asked.not_worse_than else None
        faults = [*_too_bad(best, asked), *(_worse_than(before, best) if before is not None else ())]
        if faults:
            return Failed(f"{best.stage} is best, and not good enough: {'; '.join(faults)}.")
        told: dict[str, Any] = {
            "winner": best.stage,
            "training_id": str(best.training_id),
            "primary": best.primary,
            best.primary: best.rate,
            f"base_{best.primary}": best.base_rate,
            "candidates": [
                {"stage": each.stage, "training_id": str(each.training_id), each.primary: each.rate}
                for each in measured
            ],
        }
        if before is not None:
            rate = before.lineage["result"].get(f"adapter_{best.primary}")
            told["not_worse_than"] = {"version": before.number, best.primary: rate}
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


def _too_bad(best: _Candidate, asked: CompareStage) -> list[str]:
    """Why a candidate is not good enough by itself."""
    faults = []
    name = best.primary.upper()
    if asked.better_than_base:
        if best.base_rate is None:
            faults.append(f"the {name} of its base was not measured; let the evaluation measure it (base: true)")
        elif best.rate >= best.base_rate:
            faults.append(f"its {name} of {best.rate:.2%} is not lower than the {best.base_rate:.2%} of its base")
    for limited, most in (("wer", asked.most_wer), ("cer", asked.most_cer)):
        rate = best.figures[f"adapter_{limited}"]
        if most is not None and rate is None:
            faults.append(f"its {limited.upper()} was not measured")
        elif most is not None and rate is not None and rate > most:
            faults.append(f"its {limited.upper()} of {rate:.2%} is higher than {most:.2%}")
    return faults


def _worse_than(before: AdapterVersion, best: _Candidate) -> list[str]:
    """Why a candidate is worse than an existing version, or cannot be compared with it."""
    told = f"version {before.number} of the adapter"
    data, config = before.lineage["data"], before.lineage["config"]
    rate = before.lineage["result"].get(f"adapter_{best.primary}")
    if rate is None:
        return [f"{told} was never measured; the two cannot be compared: leave not_worse_than out"]
    if (data["dataset_id"], data["version"], _split(config, "test")) != _measured_on(best.job):
        return [f"{told} was measured on other utterances; the two cannot be compared: leave not_worse_than out"]
    if best.rate <= rate:
        return []
    return [f"its {best.primary.upper()} of {best.rate:.2%} is higher than the {rate:.2%} of {told}"]


def _primary(result: Mapping[str, Any]) -> ErrorRate:
    """The decisive error rate; results of earlier versions have only WER."""
    return "cer" if result.get("primary") == "cer" else "wer"


def _measured_on(job: Job) -> tuple[str, int, str]:
    """The utterances that a job's error rates were measured on: dataset, version and split."""
    return str(job.dataset_id), job.dataset_version, _split(job.config, (job.measurement or {}).get("split", "test"))


def _split(config: Mapping[str, Any], measured: str) -> str:
    """A split, with everything that determines its content."""
    return measured if measured == "all" else f"{measured} of {config.get('split')}, seed {config.get('seed')}"
