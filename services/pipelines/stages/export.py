"""Add what was trained as a version of an adapter."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.adapters.requests import add_version, owned_adapters, versions_of
from services.database.models import Adapter, AdapterVersion
from services.pipelines.contract import Done, Outcome, StageKind, Work
from services.pipelines.plan import Plan
from services.pipelines.stage import StageFields
from services.pipelines.stages.compare import CompareStage
from services.pipelines.stages.train import TrainStage
from services.pipelines.trainings import makes_adapter


class ExportStage(StageFields):
    """Adds the newest version of an adapter: the winner of the comparison among its predecessors, or the training."""

    type: Literal["export"] = "export"
    adapter: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Name of an adapter of the caller, created if there is none; unset: the pipeline's name."""
    notes: Annotated[str, Field(max_length=4000)] = ""
    """Notes of the version."""


class Export(StageKind[ExportStage]):
    """Adds a version of an adapter."""

    declaration = ExportStage

    def faults(self, plan: Plan, stage: ExportStage, config: TrainingConfig | None) -> Iterator[Fault]:
        """There is one adapter to export."""
        trainings = plan.before(stage.name, TrainStage)
        if exported(plan, stage.name) is None:
            found = ", ".join(trainings) or "none"
            yield Fault(
                "needs",
                f"leads to no comparison, and to these trainings: {found}; an export takes the winner of one, or one "
                "training",
            )
            return
        whole = [name for name in trainings if not makes_adapter(plan, name, config)]
        if whole:
            found = f"leads to {', '.join(whole)}, where every weight is trained; a version is of an adapter"
            yield Fault("needs", f"{found}: train with qlora or lora, or leave the export out")

    async def look(self, work: Work) -> Outcome:
        """Add the version. Idempotent: a training that is a version already stays that version."""
        asked = work.stage(ExportStage)
        source = exported(work.plan, work.row.name) or ""
        row, compared = work.rows[source], isinstance(work.plan.stages[source], CompareStage)
        training_id = uuid.UUID((row.result or {})["training_id"]) if compared else row.job_id
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


def exported(plan: Plan, name: str) -> str | None:
    """The stage whose result an export takes: the nearest comparison, or the only training; None: neither."""
    comparisons = plan.before(name, CompareStage)
    if comparisons:
        return comparisons[0]
    trainings = plan.before(name, TrainStage)
    return trainings[0] if len(trainings) == 1 else None
