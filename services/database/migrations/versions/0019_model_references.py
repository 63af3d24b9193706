"""a job carries a reference to its model; hub models have a revision

Revision ID: 0019
Revises: 0018
Create Date: 2026-11-30 03:20:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("models", sa.Column("revision", sa.String(length=40), nullable=True))
    op.add_column("jobs", sa.Column("model", JSONB(none_as_null=True), nullable=True))
    # Until now every model was a Whisper, and the oldest jobs named a bundled one.
    op.execute(
        "UPDATE jobs SET model = jsonb_build_object('id', model_id, 'source', coalesce(model_source, "
        "(SELECT source FROM models WHERE models.id = model_id), 'bundled:' || model_id), 'family', 'whisper', "
        "'revision', NULL)"
    )
    op.alter_column("jobs", "model", nullable=False)
    op.drop_column("jobs", "model_source")


def downgrade() -> None:
    op.add_column("jobs", sa.Column("model_source", sa.String(length=1000), nullable=True))
    op.execute("UPDATE jobs SET model_source = left(model->>'source', 1000)")
    op.drop_column("jobs", "model")
    op.drop_column("models", "revision")
