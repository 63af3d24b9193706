"""notifications

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-28 12:30:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")
_LIVING = ("jobs", "datasets", "pipelines")


def upgrade() -> None:
    for table in _LIVING:
        op.add_column(table, sa.Column("life", sa.Integer(), server_default="1", nullable=False))
    op.create_table(
        "notification_settings",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kinds", JSONB(none_as_null=True), nullable=True),
        sa.Column("webhook_url", sa.String(length=2000), nullable=True),
        sa.Column("webhook_nonce", sa.String(length=64), nullable=True),
        sa.Column("webhook_created_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notification_settings_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notification_settings")),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("webhook_status", sa.String(length=16), nullable=True),
        sa.Column("webhook_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("webhook_error", sa.Text(), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "kind IN ('job_succeeded', 'job_failed', 'job_stopped', 'dataset_ready', 'dataset_error', "
            "'pipeline_succeeded', 'pipeline_failed', 'pipeline_stopped')",
            name=op.f("ck_notifications_kind"),
        ),
        sa.CheckConstraint(
            "webhook_status IN ('pending', 'delivered', 'given_up')", name=op.f("ck_notifications_webhook_status")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notifications_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("user_id", "resource_id", "life", name=op.f("uq_notifications_user_id_resource_id_life")),
    )
    op.create_index(op.f("ix_notifications_user_id_created_at_id"), "notifications", ["user_id", "created_at", "id"])
    op.create_index(op.f("ix_notifications_user_id_seq"), "notifications", ["user_id", "seq"], unique=True)
    op.create_index(
        "ix_notifications_unread", "notifications", ["user_id"], postgresql_where=sa.text("read_at IS NULL")
    )
    op.create_index(
        "ix_notifications_read", "notifications", ["read_at"], postgresql_where=sa.text("read_at IS NOT NULL")
    )
    op.create_index(
        "ix_notifications_webhook_pending",
        "notifications",
        ["user_id", "next_attempt_at"],
        postgresql_where=sa.text("webhook_status = 'pending'"),
    )


def downgrade() -> None:
    op.drop_table("notifications")
    op.drop_table("notification_settings")
    for table in _LIVING:
        op.drop_column(table, "life")
