"""the period of background tasks, from which their lateness is computed

Revision ID: 0016
Revises: 0014
Create Date: 2026-11-29 17:20:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("heartbeats", sa.Column("period_s", sa.Double(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("heartbeats", "period_s")
