"""Audit trail of security events, each written in the transaction of the change that it describes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import AuditEvent

Action = Literal[
    "signed_up",
    "logged_in",
    "login_failed",
    "logged_out",
    "refresh_token_reused",
    "profile_changed",
    "password_changed",
    "password_refused",
    "api_key_created",
    "api_key_deleted",
    "role_changed",
    "account_disabled",
    "account_enabled",
    "password_reset",
    "password_set_anew",
    "api_keys_revoked",
    "logins_ended",
    "job_stopped",
    "job_deleted",
    "dataset_deleted",
    "adapter_deleted",
    "pipeline_stopped",
    "pipeline_deleted",
    "webhook_set",
    "webhook_removed",
    "model_added",
    "model_changed",
    "model_retired",
]
_LONGEST_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class Origin:
    """Sender address of a request, and its id in the logs."""

    address: str
    correlation_id: str


def record(
    session: AsyncSession,
    user_id: uuid.UUID | None,
    action: Action,
    origin: Origin | None,
    actor_id: uuid.UUID | None = None,
    **data: Any,
) -> None:
    """Add an event to the audit trail; not committed.

    Args:
        session: database session.
        user_id: the account concerned.
        action: what happened.
        origin: origin of the request; None: a command on the platform's own machine.
        actor_id: the admin who acted on another user's account.
        data: details, stored as given; must not hold passwords or keys.
    """
    session.add(
        AuditEvent(
            user_id=user_id,
            actor_id=actor_id,
            action=action,
            address=origin.address[:_LONGEST_ADDRESS] if origin else None,
            correlation_id=origin.correlation_id if origin else None,
            data=data,
        )
    )
