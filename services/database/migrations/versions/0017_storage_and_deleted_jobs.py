"""bytes of datasets and jobs in object storage; deleted jobs; jobs that yield to others

Revision ID: 0017
Revises: 0015
Create Date: 2026-11-29 17:50:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("source_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        "UPDATE datasets SET source_bytes = uploaded.size FROM (SELECT dataset_id, sum(size) AS size FROM uploads "
        "GROUP BY dataset_id) AS uploaded WHERE uploaded.dataset_id = datasets.id"
    )
    op.add_column("jobs", sa.Column("stored_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        "UPDATE jobs SET stored_bytes = made.size FROM (SELECT job_id, sum(size) AS size FROM artifacts GROUP BY job_id) "
        "AS made WHERE made.job_id = jobs.id"
    )
    op.add_column("jobs", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("yields", sa.Boolean(), server_default="false", nullable=False))
    op.create_index("ix_jobs_deleted", "jobs", ["deleted_at"], postgresql_where=sa.text("deleted_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_jobs_deleted", table_name="jobs")
    op.drop_column("jobs", "yields")
    op.drop_column("jobs", "deleted_at")
    op.drop_column("jobs", "stored_bytes")
    op.drop_column("datasets", "source_bytes")
