"""what jobs use, and their budgets

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-22 06:10:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("budget", JSONB(none_as_null=True), nullable=True))
    op.add_column("jobs", sa.Column("metered_s", sa.Double(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("metered_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("metered_since", "metered_s", "budget"):
        op.drop_column("jobs", name)
