"""The table of base models."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, String, func
from sqlalchemy.orm import Mapped, mapped_column

from services.database.models.base import Base, one_of

MODEL_STATUSES = ("active", "retired")


class CatalogueModel(Base):
    """A base model that new jobs may use, or, if retired, could use earlier."""

    __tablename__ = "models"
    __table_args__ = (CheckConstraint(one_of("status", MODEL_STATUSES), name="status"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    family: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(1000))
    """`bundled:NAME`, a hub id, or `s3://bucket/prefix`."""
    revision: Mapped[str | None] = mapped_column(String(40))
    """Commit of a hub model."""
    parameters: Mapped[int] = mapped_column(BigInteger)
    languages: Mapped[list[Any]]
    licence: Mapped[str] = mapped_column(String(200))
    description: Mapped[str]
    tasks: Mapped[list[Any]]
    status: Mapped[str] = mapped_column(String(16), server_default="active")
    """New jobs cannot use a `retired` model; existing jobs keep it."""
    shipped: Mapped[bool]
    """Whether it comes with the software, which then keeps it up to date until an admin changes it."""
    edited_at: Mapped[datetime | None]
    """When an admin last changed it."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
