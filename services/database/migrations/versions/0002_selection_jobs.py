"""jobs that select

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-21 19:00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("type", sa.String(length=16), server_default="training", nullable=False))
    op.add_column(
        "jobs", sa.Column("selection", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )
    op.add_column("jobs", sa.Column("selection_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(op.f("ck_jobs_type"), "jobs", "type IN ('training', 'selection')")
    op.create_foreign_key(op.f("fk_jobs_selection_id_jobs"), "jobs", "jobs", ["selection_id"], ["id"])


def downgrade() -> None:
    # Without `selection_id` a training would use the whole dataset, so such trainings and the selections are deleted.
    op.execute("DELETE FROM jobs WHERE selection_id IS NOT NULL")
    op.execute("DELETE FROM jobs WHERE type = 'selection'")
    op.drop_constraint(op.f("fk_jobs_selection_id_jobs"), "jobs", type_="foreignkey")
    op.drop_constraint(op.f("ck_jobs_type"), "jobs", type_="check")
    op.drop_column("jobs", "selection_id")
    op.drop_column("jobs", "selection")
    op.drop_column("jobs", "type")
