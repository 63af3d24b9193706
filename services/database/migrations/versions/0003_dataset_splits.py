"""datasets that are split

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-22 00:30:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # 0002 contained this column for a while: a database that was migrated then already has it.
    column = sa.Column("split", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    op.add_column("datasets", column, if_not_exists=True)


def downgrade() -> None:
    op.drop_column("datasets", "split")
