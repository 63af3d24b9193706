"""a job's kind is a name and a spec; types of jobs and stages are checked at launch

Revision ID: 0020
Revises: 0019
Create Date: 2026-11-30 09:00:00
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_JOBS: Final = ("training", "selection", "evaluation")
_STAGES: Final = ("ingest", "validate", "select", "train", "evaluate", "compare", "export")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("spec", JSONB(none_as_null=True), nullable=True))
    op.add_column("jobs", sa.Column("needs_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE jobs SET needs_id = CASE type WHEN 'training' THEN selection_id WHEN 'evaluation' THEN training_id END, "
        "spec = jsonb_build_object('config', config) || CASE type "
        "WHEN 'training' THEN jsonb_build_object('selection_id', selection_id) "
        "WHEN 'selection' THEN jsonb_build_object('selection', coalesce(selection, '{}')) "
        "ELSE jsonb_build_object('measurement', coalesce(measurement, '{}'), 'training_id', training_id) END"
    )
    op.alter_column("jobs", "spec", nullable=False)
    op.create_foreign_key(op.f("fk_jobs_needs_id_jobs"), "jobs", "jobs", ["needs_id"], ["id"])
    op.create_index(op.f("ix_jobs_needs_id"), "jobs", ["needs_id"])
    for column in ("config", "selection", "selection_id", "measurement", "training_id"):
        op.drop_column("jobs", column)
    op.alter_column("jobs", "type", server_default=None)
    op.drop_constraint(op.f("ck_jobs_type"), "jobs")
    op.drop_constraint(op.f("ck_pipeline_stages_type"), "pipeline_stages")


def downgrade() -> None:
    _check_types("jobs", _JOBS)
    _check_types("pipeline_stages", _STAGES)
    op.create_check_constraint(op.f("ck_pipeline_stages_type"), "pipeline_stages", _one_of(_STAGES))
    op.create_check_constraint(op.f("ck_jobs_type"), "jobs", _one_of(_JOBS))
    op.alter_column("jobs", "type", server_default="training")
    for column in ("config", "selection", "measurement"):
        op.add_column("jobs", sa.Column(column, JSONB(none_as_null=True), nullable=True))
    for column in ("selection_id", "training_id"):
        op.add_column("jobs", sa.Column(column, sa.Uuid(), nullable=True))
        op.create_foreign_key(op.f(f"fk_jobs_{column}_jobs"), "jobs", "jobs", [column], ["id"])
    op.execute(
        "UPDATE jobs SET config = spec->'config', selection = spec->'selection', measurement = spec->'measurement', "
        "selection_id = CASE type WHEN 'training' THEN needs_id END, "
        "training_id = CASE type WHEN 'evaluation' THEN needs_id END"
    )
    op.alter_column("jobs", "config", nullable=False)
    op.drop_column("jobs", "needs_id")
    op.drop_column("jobs", "spec")


def _one_of(types: tuple[str, ...]) -> str:
    return f"type IN ({', '.join(repr(name) for name in types)})"


def _check_types(table: str, known: tuple[str, ...]) -> None:
    """Refuse to go down with rows that the earlier release could not read."""
    query = sa.text(f"SELECT type, count(*) FROM {table} WHERE NOT {_one_of(known)} GROUP BY type ORDER BY type")
    found = [f"{count} of type {name}" for name, count in op.get_bind().execute(query)]
    if found:
        raise RuntimeError(
            f"{table} has {', '.join(found)}; the earlier release has the types {', '.join(known)}. Delete those rows first."
        )
