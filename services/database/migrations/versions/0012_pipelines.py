"""evaluations and pipelines

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-22 07:50:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")


def upgrade() -> None:
    op.drop_constraint(op.f("ck_jobs_type"), "jobs", type_="check")
    op.create_check_constraint(op.f("ck_jobs_type"), "jobs", "type IN ('training', 'selection', 'evaluation')")
    op.add_column("jobs", sa.Column("measurement", JSONB(none_as_null=True), nullable=True))
    op.add_column("jobs", sa.Column("training_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_jobs_training_id_jobs"), "jobs", "jobs", ["training_id"], ["id"])
    op.add_column("jobs", sa.Column("refused", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "pipelines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("config", JSONB(none_as_null=True), nullable=True),
        sa.Column("resources", JSONB(none_as_null=True), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "status IN ('running', 'stopping', 'stopped', 'succeeded', 'failed')", name=op.f("ck_pipelines_status")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_pipelines_user_id_users"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_pipelines_project_id_projects"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=op.f("fk_pipelines_dataset_id_datasets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipelines")),
    )
    op.create_index(op.f("ix_pipelines_user_id_created_at_id"), "pipelines", ["user_id", "created_at", "id"])
    op.create_index(op.f("ix_pipelines_project_id"), "pipelines", ["project_id"])
    op.create_index(
        "ix_pipelines_active",
        "pipelines",
        ["status"],
        postgresql_where=sa.text("status IN ('running', 'stopping')"),
    )
    op.create_table(
        "pipeline_stages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("needs", JSONB(none_as_null=True), nullable=False),
        sa.Column("settings", JSONB(none_as_null=True), nullable=False),
        sa.Column("retry", JSONB(none_as_null=True), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("result", JSONB(none_as_null=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "type IN ('ingest', 'validate', 'select', 'train', 'evaluate', 'compare', 'export')",
            name=op.f("ck_pipeline_stages_type"),
        ),
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'stopped', 'succeeded', 'failed')",
            name=op.f("ck_pipeline_stages_status"),
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"],
            ["pipelines.id"],
            name=op.f("fk_pipeline_stages_pipeline_id_pipelines"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_pipeline_stages_job_id_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_stages")),
        sa.UniqueConstraint("pipeline_id", "name", name=op.f("uq_pipeline_stages_pipeline_id_name")),
        sa.UniqueConstraint("pipeline_id", "position", name=op.f("uq_pipeline_stages_pipeline_id_position")),
    )


def downgrade() -> None:
    op.drop_table("pipeline_stages")
    op.drop_table("pipelines")
    op.execute("DELETE FROM jobs WHERE type = 'evaluation'")
    for column in ("refused", "training_id", "measurement"):
        op.drop_column("jobs", column)
    op.drop_constraint(op.f("ck_jobs_type"), "jobs", type_="check")
    op.create_check_constraint(op.f("ck_jobs_type"), "jobs", "type IN ('training', 'selection')")
