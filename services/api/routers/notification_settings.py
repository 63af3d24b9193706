"""Settings of the caller's notifications, and the webhook."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.api.body import Body
from services.api.dependencies import CurrentUser, LoggedInUser, OriginDep, SessionDep, SettingsDep
from services.api.problems import problems
from services.auth.audit import record
from services.database.models import NOTIFICATION_KINDS, NotificationSettings
from services.notifications import requests
from services.notifications.shown import Kind

router = APIRouter(prefix="/users/me/notification-settings", tags=["notifications"])


class NotificationSettingsPatch(Body):
    """Changes."""

    kinds: Annotated[list[Kind], Field(max_length=len(NOTIFICATION_KINDS))] | None
    """Kinds of new notifications; an empty list: none; null: all, including future kinds."""


class WebhookBody(Body):
    """Target of notifications."""

    url: Annotated[str, Field(min_length=1, max_length=4000)]
    """http or https, at a public address; redirects are not followed."""


class WebhookOut(BaseModel):
    """Target of notifications."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: str
    created_at: datetime


class NewWebhookOut(WebhookOut):
    """A webhook with its secret."""

    secret: str
    """Secret that signs each request (Standard Webhooks, `whsec_...`); shown once. Setting the webhook again makes another."""


class NotificationSettingsOut(BaseModel):
    """The caller's notification settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    kinds: list[Kind] | None
    """Unset: all kinds."""
    webhook: WebhookOut | None

    @classmethod
    def of(cls, chosen: NotificationSettings) -> NotificationSettingsOut:
        """Build from a row."""
        webhook = None
        if chosen.webhook_url is not None and chosen.webhook_created_at is not None:
            webhook = WebhookOut(url=chosen.webhook_url, created_at=chosen.webhook_created_at)
        return cls(kinds=cast("list[Kind] | None", chosen.kinds), webhook=webhook)


@router.get("", responses=problems(401, 503))
async def read_notification_settings(user: CurrentUser, session: SessionDep) -> NotificationSettingsOut:
    """The caller's notification settings."""
    return NotificationSettingsOut.of(await requests.settings_of(session, user.id))


@router.patch("", responses=problems(400, 401, 403, 409, 413, 415, 422, 503))
async def change_notification_settings(
    body: NotificationSettingsPatch, user: CurrentUser, session: SessionDep
) -> NotificationSettingsOut:
    """Choose the kinds of new notifications; existing ones stay."""
    return NotificationSettingsOut.of(await requests.choose_kinds(session, user.id, body.kinds))


@router.put("/webhook", responses=problems(400, 401, 403, 409, 413, 415, 422, 503))
async def set_webhook(
    body: WebhookBody,
    response: Response,
    caller: LoggedInUser,
    session: SessionDep,
    settings: SettingsDep,
    origin: OriginDep,
) -> NewWebhookOut:
    """Also send every notification to an address; replaces an earlier webhook.

    Requests are signed with the secret in this answer. A failed delivery is retried with growing delays for a day.
    """
    chosen, secret = await requests.set_webhook(session, settings, caller.user.id, body.url)
    record(session, caller.user.id, "webhook_set", origin)
    await session.commit()
    response.headers["Cache-Control"] = "no-store"
    shown = NotificationSettingsOut.of(chosen).webhook
    assert shown is not None, "it was set above"
    return NewWebhookOut(url=shown.url, created_at=shown.created_at, secret=secret)


@router.delete("/webhook", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def remove_webhook(caller: LoggedInUser, session: SessionDep, origin: OriginDep) -> None:
    """Remove the webhook; pending deliveries are dropped."""
    await requests.remove_webhook(session, caller.user.id)
    record(session, caller.user.id, "webhook_removed", origin)
    await session.commit()
