"""The public form of a notification: in API responses, in the stream and in requests to webhooks."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict

from services.database.models import Notification

Kind = Literal[
    "job_succeeded",
    "job_failed",
    "job_stopped",
    "dataset_ready",
    "dataset_error",
    "pipeline_succeeded",
    "pipeline_failed",
    "pipeline_stopped",
]
ResourceType = Literal["job", "dataset", "pipeline"]
WebhookStatus = Literal["pending", "delivered", "given_up"]


class WebhookStanding(BaseModel):
    """Delivery of a notification to the user's webhook."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: WebhookStatus
    """`given_up`: the address is not allowed, or did not accept the notification for a day."""
    attempts: int
    next_attempt_at: datetime | None
    error: str | None
    """Why the last attempt failed."""


class NotificationOut(BaseModel):
    """Notice that a job, a dataset or a pipeline has ended."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: uuid.UUID
    seq: int
    """Number among the caller's notifications; numbers increase, but may have gaps."""
    kind: Kind
    resource_type: ResourceType
    resource_id: uuid.UUID
    name: str
    """Name of the resource at that time."""
    status: str
    """How it ended: `succeeded`, `failed`, `stopped`; of a dataset `ready` or `error`."""
    detail: str | None
    """Reason for the end, if there is more to say."""
    created_at: datetime
    read_at: datetime | None
    """When it was marked as read; unset: it is unread."""
    webhook: WebhookStanding | None
    """Unset: there was no webhook."""

    @classmethod
    def of(cls, row: Notification) -> NotificationOut:
        """The public form of a row."""
        resource_type, _, status = row.kind.partition("_")
        webhook = None
        if row.webhook_status is not None:
            webhook = WebhookStanding(
                status=cast(WebhookStatus, row.webhook_status),
                attempts=row.webhook_attempts,
                next_attempt_at=row.next_attempt_at,
                error=row.webhook_error,
            )
        return cls(
            id=row.id,
            seq=row.seq,
            kind=cast(Kind, row.kind),  # the table's check constraint holds it to these
            resource_type=cast(ResourceType, resource_type),
            resource_id=row.resource_id,
            name=row.name,
            status=status,
            detail=row.detail,
            created_at=row.created_at,
            read_at=row.read_at,
            webhook=webhook,
        )
