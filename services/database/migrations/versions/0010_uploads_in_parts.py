"""uploads in parts

Revision ID: 0010
Revises: 0009
Create Date: 2026-11-22 06:20:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("uploads", sa.Column("multipart_id", sa.Text(), nullable=True))
    op.add_column("uploads", sa.Column("part_bytes", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("uploads", "part_bytes")
    op.drop_column("uploads", "multipart_id")
