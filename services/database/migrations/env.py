"""Run by Alembic: migrates the connection that `services.database.migrate` hands over."""

from __future__ import annotations

from alembic import context

from services.database.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=False)
with context.begin_transaction():
    context.run_migrations()
