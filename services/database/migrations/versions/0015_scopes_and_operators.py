"""scope and mandatory expiry of API keys; disabled and reset accounts; actors of audit events; sealed uploads

Revision ID: 0015
Revises: 0016
Create Date: 2026-11-29 17:20:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("reset_hash", sa.String(length=64), nullable=True))
    op.add_column("users", sa.Column("reset_expires_at", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(op.f("uq_users_reset_hash"), "users", ["reset_hash"])

    # Existing keys keep working: they get the scope `write` and expire within 90 days.
    op.add_column("api_keys", sa.Column("scope", sa.String(length=8), server_default="write", nullable=False))
    op.alter_column("api_keys", "scope", server_default=None)
    op.create_check_constraint(op.f("ck_api_keys_scope"), "api_keys", "scope IN ('read', 'write', 'admin')")
    op.execute("UPDATE api_keys SET expires_at = now() + interval '90 days' WHERE expires_at IS NULL")
    op.alter_column("api_keys", "expires_at", nullable=False)

    op.add_column("audit_events", sa.Column("actor_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_audit_events_actor_id"), "audit_events", ["actor_id"])
    op.create_foreign_key(
        op.f("fk_audit_events_actor_id_users"), "audit_events", "users", ["actor_id"], ["id"], ondelete="SET NULL"
    )

    op.add_column("uploads", sa.Column("sealed_key", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("uploads", "sealed_key")
    op.drop_constraint(op.f("fk_audit_events_actor_id_users"), "audit_events", type_="foreignkey")
    op.drop_index(op.f("ix_audit_events_actor_id"), table_name="audit_events")
    op.drop_column("audit_events", "actor_id")
    op.alter_column("api_keys", "expires_at", nullable=True)
    op.drop_constraint(op.f("ck_api_keys_scope"), "api_keys", type_="check")
    op.drop_column("api_keys", "scope")
    op.drop_constraint(op.f("uq_users_reset_hash"), "users", type_="unique")
    op.drop_column("users", "reset_expires_at")
    op.drop_column("users", "reset_hash")
    op.drop_column("users", "disabled_at")
