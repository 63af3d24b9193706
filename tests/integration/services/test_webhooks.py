"""Webhooks: what a real HTTP server gets, and what becomes of a notification when it does not take it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select, update

from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Notification, NotificationSettings
from services.notifications.sender import WebhookSender
from services.notifications.webhook import signature
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor, paths_of, with_key

WEBHOOK = "/users/me/notification-settings/webhook"


@dataclass
class Site:
    """A server that takes webhooks, or does not."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """The next statuses; then 204."""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    got_at_s: list[float] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    """What is sent to /slow is answered when this is set."""


@pytest.fixture
def site() -> Iterator[Site]:
    """The server."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            site.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            site.got_at_s.append(time.monotonic())
            if self.path == "/slow":
                site.go_on.wait(20)
            status = site.answers.pop(0) if site.answers else 204
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{site.url}/elsewhere")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def services(services: Services) -> AsyncIterator[Services]:
    """An operator who lets webhooks be on this machine; other tests' are not ours."""
    async with open_session(services.sessions) as session:
        await session.execute(update(Notification).values(webhook_status=None))
        await session.commit()
    changed = {"webhook_networks": ("127.0.0.0/8",), "webhook_retry_s": 0.3}
    yield replace(services, settings=services.settings.model_copy(update=changed))


@pytest.fixture
async def sender(services: Services) -> AsyncIterator[WebhookSender]:
    """What the hub runs."""
    sender = WebhookSender(services.settings, services.sessions)
    yield sender
    await sender.close()


async def end_something(services: Services, visitor: Visitor, name: str = "a job") -> None:
    job_id = await rows.job(services, visitor, "queued", name=name)
    assert (await visitor.post(f"/jobs/{job_id}/stop")).status_code == 202


async def until(sender: WebhookSender, visitor: Visitor, *statuses: str) -> list[dict[str, Any]]:
    """Rounds, until the user's notifications stand so at the webhook; the oldest first."""
    async with asyncio.timeout(30):
        while True:
            await sender.round()
            is_idle = not sender._running  # before asking: what ends meanwhile would not be in the answer
            items = (await visitor.get("/notifications")).json()["items"]
            shown = sorted(items, key=lambda item: item["seq"])
            if [item["webhook"]["status"] for item in shown] == list(statuses) and is_idle:
                return [item["webhook"] for item in shown]
            await asyncio.sleep(0.03)


async def test_a_signed_request_for_every_end(
    services: Services, sender: WebhookSender, ada: Visitor, site: Site
) -> None:
    new = await ada.call("PUT", WEBHOOK, json={"url": f"{site.url}/hook?a=b"})
    assert (new.status_code, new.headers["cache-control"]) == (200, "no-store")
    secret = new.json()["secret"]
    shown = (await ada.get("/users/me/notification-settings")).json()
    assert shown["webhook"]["url"] == f"{site.url}/hook?a=b"
    assert secret not in json.dumps(shown)
    async with open_session(services.sessions) as session:
        columns = NotificationSettings.__table__.c
        kept = (await session.execute(select(*columns).where(columns.webhook_url.is_not(None)))).all()
    assert secret not in repr(kept)

    await end_something(services, ada, "one")
    await end_something(services, ada, "two")
    first, second = await until(sender, ada, "delivered", "delivered")
    assert (first["attempts"], first["error"], second["next_attempt_at"]) == (1, None, None)
    assert len(site.got) == 2
    listed = {item["id"]: item for item in (await ada.get("/notifications")).json()["items"]}
    for path, headers, body in site.got:
        assert path == "/hook?a=b"
        assert headers["content-type"] == "application/json"
        told = json.loads(body)
        own = listed[headers["webhook-id"]]
        assert told["type"] == "job_stopped"
        assert told["data"] == {name: value for name, value in own.items() if name not in {"webhook", "read_at"}}
        timestamp = int(headers["webhook-timestamp"])
        assert abs(timestamp - time.time()) < 60
        assert headers["webhook-signature"] == signature(secret, headers["webhook-id"], timestamp, body)


async def test_what_is_not_taken_comes_again_and_later_each_time(
    services: Services, sender: WebhookSender, ada: Visitor, site: Site
) -> None:
    site.answers = [500, 302]
    await ada.call("PUT", WEBHOOK, json={"url": f"{site.url}/hook"})
    await end_something(services, ada)
    [waiting] = await until(sender, ada, "pending")
    assert (waiting["attempts"], waiting["error"]) == (1, "answers 500")
    assert waiting["next_attempt_at"] is not None
    [taken] = await until(sender, ada, "delivered")
    assert (taken["attempts"], taken["error"]) == (3, None)
    assert [path for path, _, _ in site.got] == ["/hook"] * 3  # and not /elsewhere
    assert len({headers["webhook-id"] for _, headers, _ in site.got}) == 1
    first_s, second_s, third_s = site.got_at_s
    assert second_s - first_s >= 0.3
    assert third_s - second_s >= 0.6
    assert sender._pause_s(60) == 3600.0


async def test_it_is_given_up_after_a_day_and_at_once_when_it_is_gone(
    services: Services, sender: WebhookSender, ada: Visitor, site: Site
) -> None:
    site.answers = [503, 410]
    await ada.call("PUT", WEBHOOK, json={"url": site.url})
    await end_something(services, ada)
    async with open_session(services.sessions) as session:
        almost = datetime.now(UTC) - timedelta(hours=23, minutes=59, seconds=59.9)
        mine = Notification.user_id == await rows.user_id(ada)
        await session.execute(update(Notification).where(mine).values(created_at=almost))
        await session.commit()
    [late] = await until(sender, ada, "given_up")
    assert (late["attempts"], late["error"], late["next_attempt_at"]) == (1, "answers 503", None)
    await end_something(services, ada)
    _, gone = await until(sender, ada, "given_up", "given_up")
    assert gone["error"] == "answers 410: it is gone"


async def test_a_slow_site_holds_up_nobody_else(
    services: Services, sender: WebhookSender, ada: Visitor, bob: Visitor, site: Site
) -> None:
    await ada.call("PUT", WEBHOOK, json={"url": f"{site.url}/slow"})
    await bob.call("PUT", WEBHOOK, json={"url": f"{site.url}/quick"})
    await end_something(services, ada)
    await end_something(services, ada)
    async with asyncio.timeout(20):
        while not site.got:
            await sender.round()
            await asyncio.sleep(0.03)
    await end_something(services, bob)
    async with asyncio.timeout(20):
        while (await bob.get("/notifications")).json()["items"][0]["webhook"]["status"] != "delivered":
            await sender.round()
            await asyncio.sleep(0.03)
    assert [path for path, _, _ in site.got] == ["/slow", "/quick"]
    site.go_on.set()
    await until(sender, ada, "delivered", "delivered")


async def test_two_hubs_send_once(services: Services, sender: WebhookSender, ada: Visitor, site: Site) -> None:
    await ada.call("PUT", WEBHOOK, json={"url": site.url})
    for _ in range(3):
        await end_something(services, ada)
    other = WebhookSender(services.settings, services.sessions)
    await asyncio.gather(sender.round(), other.round())
    await until(sender, ada, *["delivered"] * 3)
    assert len(site.got) == 3
    await other.close()


async def test_no_address_that_is_not_public(services: Services, ada: Visitor, site: Site) -> None:
    for url in (
        "ftp://example.org/",
        "http://ada:secret@example.org/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "https://10.0.0.1/hook",
        "nothing",
    ):
        refused = await ada.call("PUT", WEBHOOK, json={"url": url})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_webhook"), url
        assert paths_of(refused) == ["url"]
    # A name says only when it is asked where it leads.
    port = site.url.rpartition(":")[2]
    assert (await ada.call("PUT", WEBHOOK, json={"url": f"http://localhost:{port}/"})).status_code == 200
    await end_something(services, ada)
    strict = WebhookSender(services.settings.model_copy(update={"webhook_networks": ()}), services.sessions)
    [refused_later] = await until(strict, ada, "given_up")
    assert "is not a public address" in refused_later["error"]
    assert site.got == []
    await strict.close()


async def test_a_webhook_is_removed_with_what_waits(
    services: Services, sender: WebhookSender, ada: Visitor, site: Site
) -> None:
    site.answers = [500]
    first = (await ada.call("PUT", WEBHOOK, json={"url": site.url})).json()
    again = (await ada.call("PUT", WEBHOOK, json={"url": site.url})).json()
    assert first["secret"] != again["secret"]
    await end_something(services, ada)
    await until(sender, ada, "pending")
    assert (await ada.call("DELETE", WEBHOOK)).status_code == 204
    assert (await ada.call("DELETE", WEBHOOK)).json()["code"] == "webhook_not_found"
    await asyncio.sleep(0.5)
    await sender.round()
    [item] = (await ada.get("/notifications")).json()["items"]
    assert item["webhook"] is None
    assert len(site.got) == 1
    actions = [event["action"] for event in (await ada.get("/users/me/audit")).json()["items"]]
    assert actions[:3] == ["webhook_removed", "webhook_set", "webhook_set"]


async def test_an_api_key_sets_no_webhook(services: Services, ada: Visitor, site: Site) -> None:
    script = await with_key(services, ada)
    assert (await script.call("PUT", WEBHOOK, json={"url": site.url})).status_code == 403
    assert (await script.call("DELETE", WEBHOOK)).status_code == 403
    assert (await script.get("/users/me/notification-settings")).status_code == 200
