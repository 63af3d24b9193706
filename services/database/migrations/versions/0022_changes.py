"""changes of resources, for event streams

Revision ID: 0022
Revises: 0021
Create Date: 2026-11-30 20:30:00
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_RESOURCES: Final = {"jobs": "job", "datasets": "dataset", "pipelines": "pipeline", "notifications": "notification"}
_PARTS: Final = {"dataset_versions": ("dataset", "datasets"), "pipeline_stages": ("pipeline", "pipelines")}
_NOTIFIES: Final = {"notifications": "OLD.read_at IS DISTINCT FROM NEW.read_at"}
"""What counts as a change, where it is not any change: a webhook's attempts are not shown live."""

_KEEP: Final = """
CREATE FUNCTION keep_change(changed uuid, owner uuid, its_kind text, resource uuid, is_gone boolean) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO changes AS known (row_id, user_id, kind, resource_id, transaction_id, gone_at)
    VALUES (
        changed, owner, its_kind, resource, CAST(CAST(pg_current_xact_id() AS text) AS bigint),
        CASE WHEN is_gone THEN now() END
    )
    ON CONFLICT (row_id) DO UPDATE SET transaction_id = EXCLUDED.transaction_id, gone_at = EXCLUDED.gone_at;
    SELECT pg_notify('lim_changes', CAST(owner AS text));
$$
"""
_OF_RESOURCE: Final = """
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM keep_change(OLD.id, OLD.user_id, TG_ARGV[0], OLD.id, true);
    ELSE
        PERFORM keep_change(NEW.id, NEW.user_id, TG_ARGV[0], NEW.id, false);
    END IF;
    RETURN NULL;
END
$$
"""
_OF_PART: Final = """
CREATE FUNCTION note_change_of_{kind}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    part {table}%ROWTYPE;
    owner uuid;
BEGIN
    IF TG_OP = 'DELETE' THEN
        part := OLD;
    ELSE
        part := NEW;
    END IF;
    SELECT user_id INTO owner FROM {parents} WHERE id = part.{kind}_id;
    IF FOUND THEN  -- otherwise it is deleted with its {kind}, which is noted itself
        PERFORM keep_change(part.id, owner, '{kind}', part.{kind}_id, TG_OP = 'DELETE');
    ELSE
        DELETE FROM changes WHERE row_id = part.id;
    END IF;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_user_id_transaction_id"), "changes", ["user_id", "transaction_id"])
    op.create_index("ix_changes_gone", "changes", ["gone_at"], postgresql_where=sa.text("gone_at IS NOT NULL"))
    op.execute(_KEEP)
    op.execute(_OF_RESOURCE)
    for table, kind in _RESOURCES.items():
        _note(table, f"note_change('{kind}')")
    for table, (kind, parents) in _PARTS.items():
        op.execute(_OF_PART.format(table=table, kind=kind, parents=parents))
        _note(table, f"note_change_of_{kind}()")


def downgrade() -> None:
    for table in (*_RESOURCES, *_PARTS):
        op.execute(f"DROP TRIGGER note_update ON {table}")
        op.execute(f"DROP TRIGGER note_others ON {table}")
    for kind, _ in _PARTS.values():
        op.execute(f"DROP FUNCTION note_change_of_{kind}")
    op.execute("DROP FUNCTION note_change")
    op.execute("DROP FUNCTION keep_change")
    op.drop_table("changes")


def _note(table: str, function: str) -> None:
    what = _NOTIFIES.get(table, "OLD.* IS DISTINCT FROM NEW.*")
    op.execute(
        f"CREATE TRIGGER note_update AFTER UPDATE ON {table} FOR EACH ROW WHEN ({what}) EXECUTE FUNCTION {function}"
    )
    op.execute(f"CREATE TRIGGER note_others AFTER INSERT OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}")
