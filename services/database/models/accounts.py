"""Tables of accounts: users, logins, API keys, the audit trail."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from services.database.models.base import Base, Row, one_of

ROLES = ("user", "admin")
KEY_SCOPES = ("read", "write", "admin")


class User(Row, Base):
    """A user's account."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(one_of("role", ROLES), name="role"),)

    username: Mapped[str] = mapped_column(String(40))
    username_key: Mapped[str] = mapped_column(String(40), unique=True)
    """The name in lower case: `Ada` and `ada` are one account."""
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(String(16), server_default="user")
    """`user`, or `admin`, who also operates the platform."""
    disabled_at: Mapped[datetime | None]
    """When an admin disabled the account; its requests are rejected until it is enabled."""
    reset_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Hash of a one-time token for setting a new password, issued by an admin."""
    reset_expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class LoginSession(Row, Base):
    """One login and the family of refresh tokens that come from it."""

    __tablename__ = "login_sessions"
    __table_args__ = (Index(None, "user_id"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None] = mapped_column(String(40))


class RefreshToken(Row, Base):
    """A single-use refresh token, stored as its hash."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index(None, "family_id"),)

    family_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("login_sessions.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiKey(Row, Base):
    """A key with which a program acts for its owner, stored as its hash."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint(one_of("scope", KEY_SCOPES), name="scope"),
        Index(None, "user_id", "created_at", "id"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    start: Mapped[str] = mapped_column(String(16))
    """Its first characters, by which people recognize it."""
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scope: Mapped[str] = mapped_column(String(8))
    """`read`, `write` or `admin`; each includes those before it."""
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    """Accurate to the minute."""


class AuditEvent(Row, Base):
    """An event that concerns the security of an account."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "user_id", "created_at", "id"), Index(None, "created_at"))

    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    """The account; None: no account, such as a login with an unknown name."""
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    """The admin who acted on another user's account; None: the owner, or somebody who tried to log in as the owner."""
    action: Mapped[str] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(64))
    """Where the request came from."""
    correlation_id: Mapped[str | None] = mapped_column(String(128))
    data: Mapped[dict[str, Any]] = mapped_column(server_default="{}")


class LoginThrottle(Base):
    """Number of attempts within a window, keyed by a digest of what is throttled (services.auth.throttle)."""

    __tablename__ = "login_throttles"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempts: Mapped[int]
    window_started_at: Mapped[datetime]
