"""A notification as the outside sees it: in answers of the API, in the stream, in what webhooks get."""

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
    """What became of a notification at the user's webhook."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: WebhookStatus
    """`given_up`: the address is refused, or did not take it for a day."""
    attempts: int
    next_attempt_at: datetime | None
    error: str | None
    """Why the last try failed."""


class NotificationOut(BaseModel):
    """That a job, a dataset or a pipeline has ended."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: uuid.UUID
    seq: int
    """Its number among the caller's; they only grow, and need not follow on each other."""
    kind: Kind
    resource_type: ResourceType
    resource_id: uuid.UUID
    name: str
    """The resource's, as it was then."""
    status: str
    """How it ended: `succeeded`, `failed`, `stopped`; of a dataset `ready` or `error`."""
    detail: str | None
    """Why it ended so, where there is more to say."""
    created_at: datetime
    read_at: datetime | None
    """When it was marked as read; unset: it is unread."""
    webhook: WebhookStanding | None
    """Unset: there was no webhook."""

    @classmethod
    def of(cls, row: Notification) -> NotificationOut:
        """A row."""
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
