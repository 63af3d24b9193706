"""a dataset version is made by a job; jobs have lanes and may have no model

Revision ID: 0021
Revises: 0020
Create Date: 2026-11-30 12:00:00
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


_JOBS_OF_WAITING: Final = """
    INSERT INTO jobs (
        id, user_id, project_id, name, dataset_id, dataset_version, type, lane, status, queued_at, spec, resources
    )
    SELECT
        gen_random_uuid(), dataset.user_id, dataset.project_id,
        left('version ' || version.number || ' of ' || dataset.name, 200), dataset.id, version.number, 'ingestion',
        CASE WHEN version.number = 1 AND dataset.source->>'type' IN ('url', 's3') THEN 'fetch' ELSE 'ingest' END,
        'queued', version.created_at,
        jsonb_build_object(
            'source', dataset.source->'type', 'address', coalesce(dataset.source->'url', dataset.source->'uri'),
            'options', version.options
        ),
        jsonb_build_object(
            'num_workers', 1, 'cpus_per_worker', 1.0, 'gpus_per_worker', 0.0, 'memory_bytes_per_worker', NULL,
            'label_selector', jsonb_build_object(), 'threads_per_worker', NULL, 'max_failures', 3
        )
    FROM dataset_versions version JOIN datasets dataset ON dataset.id = version.dataset_id
    WHERE version.status = 'processing' AND version.deleted_at IS NULL AND dataset.deleted_at IS NULL
"""


def upgrade() -> None:
    op.alter_column("jobs", "model_id", nullable=True)
    op.alter_column("jobs", "model", nullable=True)
    op.add_column("jobs", sa.Column("lane", sa.String(16), nullable=True))
    op.add_column("dataset_versions", sa.Column("job_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_dataset_versions_job_id_jobs"), "dataset_versions", "jobs", ["job_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(op.f("ix_dataset_versions_job_id"), "dataset_versions", ["job_id"])
    # Versions that wait in the queue of earlier releases, or that one was processing, wait as jobs.
    op.execute(_JOBS_OF_WAITING)
    op.execute(
        "UPDATE dataset_versions SET job_id = jobs.id FROM jobs WHERE jobs.type = 'ingestion' "
        "AND jobs.dataset_id = dataset_versions.dataset_id AND jobs.dataset_version = dataset_versions.number"
    )
    op.drop_index("ix_dataset_versions_processing", "dataset_versions")
    op.drop_column("dataset_versions", "attempts")


def downgrade() -> None:
    op.add_column("dataset_versions", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ix_dataset_versions_processing",
        "dataset_versions",
        ["created_at"],
        postgresql_where=sa.text("status = 'processing'"),
    )
    # The earlier release has no job for a version: those that are being made wait in its own queue again.
    op.execute(
        "UPDATE dataset_versions SET attempts = jobs.attempt FROM jobs WHERE jobs.id = job_id AND dataset_versions.status = 'error'"
    )
    op.drop_index(op.f("ix_dataset_versions_job_id"), "dataset_versions")
    op.drop_constraint(op.f("fk_dataset_versions_job_id_jobs"), "dataset_versions")
    op.drop_column("dataset_versions", "job_id")
    op.execute("DELETE FROM jobs WHERE type = 'ingestion'")
    op.drop_column("jobs", "lane")
    op.alter_column("jobs", "model", nullable=False)
    op.alter_column("jobs", "model_id", nullable=False)
