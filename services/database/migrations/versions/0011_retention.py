"""which jobs' checkpoints were removed

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-22 06:25:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("checkpoints_removed", sa.Boolean(), server_default="false", nullable=False))


def downgrade() -> None:
    op.drop_column("jobs", "checkpoints_removed")
