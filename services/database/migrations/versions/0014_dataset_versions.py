"""versions of datasets: options, decisions, items; each is processed separately

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-29 10:40:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_DEFAULTS = {"utterances": "0", "audio_s": "0", "size": "0", "statistics": "{}", "sample": "[]"}
_PROCESSING = sa.text("status = 'processing'")
_DELETED = sa.text("deleted_at IS NOT NULL AND NOT purged")


def upgrade() -> None:
    jsonb = JSONB(none_as_null=True)
    op.add_column("dataset_versions", sa.Column("status", sa.String(length=16), server_default="ready", nullable=False))
    op.alter_column("dataset_versions", "status", server_default=None)
    for column in (
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("options", jsonb, server_default="{}", nullable=False),
        sa.Column("decisions", jsonb, server_default="[]", nullable=False),
        sa.Column("item_decisions", jsonb, server_default="{}", nullable=False),
        sa.Column("report", jsonb, nullable=True),
        sa.Column("items", sa.Integer(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purged", sa.Boolean(), server_default="false", nullable=False),
    ):
        op.add_column("dataset_versions", column)
    for name, default in _DEFAULTS.items():
        op.alter_column("dataset_versions", name, server_default=default)
    op.create_check_constraint(
        op.f("ck_dataset_versions_status"),
        "dataset_versions",
        "status IN ('pending', 'processing', 'ready', 'error')",
    )
    op.create_index("ix_dataset_versions_processing", "dataset_versions", ["created_at"], postgresql_where=_PROCESSING)
    op.create_index("ix_dataset_versions_deleted", "dataset_versions", ["deleted_at"], postgresql_where=_DELETED)
    op.create_table(
        "dataset_items",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("speaker", sa.Text(), nullable=True),
        sa.Column("split", sa.String(length=16), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("codes", ARRAY(sa.Text()), nullable=False),
        sa.Column("findings", jsonb, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_dataset_items_version_id_dataset_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version_id", "position", name=op.f("pk_dataset_items")),
    )
    op.add_column("pipelines", sa.Column("dataset_version", sa.Integer(), nullable=True))
    # Move what a dataset stored about its only version to that version; create the version where it is missing.
    op.execute(
        "INSERT INTO dataset_versions (id, dataset_id, number, prefix, status, created_at, utterances, audio_s, size, "
        "statistics, sample) SELECT gen_random_uuid(), id, 1, 'datasets/' || id || '/v1', status, created_at, 0, 0, 0, "
        "'{}', '[]' FROM datasets WHERE NOT EXISTS "
        "(SELECT 1 FROM dataset_versions WHERE dataset_versions.dataset_id = datasets.id)"
    )
    op.execute(
        "UPDATE dataset_versions SET report = datasets.report, error = datasets.error, attempts = datasets.attempts, "
        "options = CASE WHEN datasets.split IS NULL THEN '{}' ELSE jsonb_build_object('split', datasets.split) END, "
        "finished_at = CASE WHEN datasets.status IN ('ready', 'error') THEN datasets.updated_at END "
        "FROM datasets WHERE datasets.id = dataset_versions.dataset_id"
    )
    op.add_column("datasets", sa.Column("source_kept", sa.Boolean(), server_default="false", nullable=False))
    op.execute("UPDATE datasets SET source_kept = true WHERE status = 'processing'")
    op.drop_index("ix_datasets_processing", table_name="datasets")
    for name in ("report", "attempts", "split"):
        op.drop_column("datasets", name)


def downgrade() -> None:
    """Ready versions after the first keep their rows, and so does what was made from them."""
    jsonb = JSONB(none_as_null=True)
    op.add_column("datasets", sa.Column("split", jsonb, nullable=True))
    op.add_column("datasets", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
    op.add_column("datasets", sa.Column("report", jsonb, nullable=True))
    op.create_index("ix_datasets_processing", "datasets", ["status"], postgresql_where=_PROCESSING)
    op.execute(
        "UPDATE datasets SET report = dataset_versions.report, attempts = dataset_versions.attempts, "
        "split = NULLIF(dataset_versions.options->'split', 'null') "
        "FROM dataset_versions WHERE datasets.id = dataset_versions.dataset_id AND dataset_versions.number = 1"
    )
    op.drop_column("datasets", "source_kept")
    op.drop_column("pipelines", "dataset_version")
    op.drop_table("dataset_items")
    op.execute("DELETE FROM dataset_versions WHERE status <> 'ready'")
    op.drop_index("ix_dataset_versions_deleted", table_name="dataset_versions")
    op.drop_index("ix_dataset_versions_processing", table_name="dataset_versions")
    op.drop_constraint(op.f("ck_dataset_versions_status"), "dataset_versions", type_="check")
    for name in _DEFAULTS:
        op.alter_column("dataset_versions", name, server_default=None)
    for name in (
        "purged",
        "deleted_at",
        "finished_at",
        "items",
        "report",
        "item_decisions",
        "decisions",
        "options",
        "attempts",
        "error",
        "parent",
        "status",
    ):
        op.drop_column("dataset_versions", name)
