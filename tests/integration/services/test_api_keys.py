"""API keys: scopes, expiry, and the password that it takes to make one; streams that end with what opened them."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select, update

from services.api.app import create_app_on
from services.api.context import Services
from services.auth.api_keys import SCOPES, includes
from services.database.engine import open_session
from services.database.models import ApiKey, LoginSession, User
from tests.integration.services import rows
from tests.integration.services.visitors import PASSWORD, Visitor, make_admin, paths_of, sign_up, with_key

Operation = tuple[str, str, str]


async def operations(http: httpx.AsyncClient) -> list[Operation]:
    """Method, path and access of everything in the OpenAPI document, with ids that name nothing."""
    document = (await http.get("http://test/openapi.json")).json()
    found = []
    for path, methods in document["paths"].items():
        filled = re.sub(r"{(\w+)}", lambda name: "1" if name[1] == "number" else str(uuid.uuid4()), path)
        found += [(method.upper(), f"http://test{filled}", told["x-access"]) for method, told in methods.items()]
    return found


async def test_every_route_says_what_it_asks_for_and_keys_do_what_their_scope_says(
    services: Services, http: httpx.AsyncClient, ada: Visitor
) -> None:
    await make_admin(services, ada)
    keys = {scope: await with_key(services, ada, scope) for scope in SCOPES}
    checked = {"public": 0, "read": 0, "write": 0, "admin": 0, "login": 0}
    for method, address, access in await operations(http):
        named = f"{method} {address} ({access})"
        checked[access] += 1
        assert access != "read" or method == "GET", f"{named}: changes something"
        for scope, script in keys.items():
            if address.endswith("/events"):
                continue  # a stream, which does not end
            answer = await script.call(method, address, json=None if method == "GET" else {})
            code = answer.json().get("code") if answer.content and answer.status_code >= 400 else None
            if access == "login":
                assert (answer.status_code, code) in {(403, "login_required"), (403, "insufficient_scope")}, named
            elif access != "public" and not includes(scope, access):  # type: ignore[arg-type]
                assert (answer.status_code, code) == (403, "insufficient_scope"), f"{named} with a key that may {scope}"
            else:
                assert code not in {"insufficient_scope", "admin_required"}, f"{named} with a key that may {scope}"
                assert answer.status_code < 500 or address.endswith("/readyz"), f"{named}: {answer.text}"
    assert checked["read"] > 25
    assert checked["write"] > 25
    assert checked["admin"] >= 3
    public = {(method, address) for method, address, access in await operations(http) if access == "public"}
    assert public == {("GET", f"http://test/{name}") for name in ("healthz", "readyz")} | {
        ("POST", f"http://test/api/v1/auth/{name}")
        for name in ("signup", "login", "refresh", "logout", "reset-password")
    }


async def test_a_key_that_reads_changes_nothing(services: Services, ada: Visitor) -> None:
    script = await with_key(services, ada, "read")
    job_id = await rows.job(services, ada)
    assert (await script.get(f"/jobs/{job_id}")).status_code == 200
    stopped = await script.post(f"/jobs/{job_id}/stop")
    assert (stopped.status_code, stopped.json()["code"]) == (403, "insufficient_scope")
    assert "scope read; this needs write" in stopped.json()["detail"]
    assert (await ada.get(f"/jobs/{job_id}")).json()["status"] == "running"


async def test_the_scope_admin_is_for_admins_and_ends_with_the_role(
    services: Services, http: httpx.AsyncClient
) -> None:
    ada = await sign_up(http)
    body = {"name": "operator", "current_password": PASSWORD, "scope": "admin"}
    refused = await ada.post("/users/me/api-keys", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "admin_required")
    await make_admin(services, ada)
    answer = await ada.post("/users/me/api-keys", json=body)
    assert answer.status_code == 201, answer.text
    script = Visitor(http, ada.username, {"access_token": answer.json()["key"]})
    change = {"json": {"title": "Whisper of mine"}}
    writer = await with_key(services, ada, "write")
    assert (await writer.call("PATCH", "/models/whisper-pico", **change)).json()["code"] == "insufficient_scope"
    assert (await script.call("PATCH", "/models/no-such", **change)).status_code == 404
    async with open_session(services.sessions) as session:
        await session.execute(update(User).where(User.username == ada.username).values(role="user"))
        await session.commit()
    assert (await script.call("PATCH", "/models/no-such", **change)).json()["code"] == "admin_required"


async def test_a_key_is_made_with_the_password(http: httpx.AsyncClient) -> None:
    ada = await sign_up(http)
    without = await ada.post("/users/me/api-keys", json={"name": "x"})
    assert (without.status_code, paths_of(without)) == (422, ["current_password"])
    wrong = await ada.post("/users/me/api-keys", json={"name": "x", "current_password": "a guess or two"})
    assert (wrong.status_code, paths_of(wrong)) == (422, ["current_password"])
    assert wrong.json()["code"] == "wrong_password"
    assert (await ada.get("/users/me/api-keys")).json()["total"] == 0
    guesses = [
        (await ada.post("/users/me/api-keys", json={"name": "x", "current_password": f"guess {n}"})).status_code
        for n in range(12)
    ]
    assert guesses[-1] == 429


async def test_a_key_expires_by_default_and_not_too_late(services: Services, http: httpx.AsyncClient) -> None:
    ada = await sign_up(http)
    answer = await ada.post("/users/me/api-keys", json={"name": "x", "current_password": PASSWORD})
    key = answer.json()
    life = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
    assert abs(life.total_seconds() - services.settings.api_key_s) < 60
    assert (key["scope"], key["last_used_at"]) == ("write", None)
    late = (datetime.now(UTC) + timedelta(seconds=services.settings.max_api_key_s, days=1)).isoformat()
    for value in (late, "9999-12-31T23:59:59Z"):
        body = {"name": "x", "current_password": PASSWORD, "expires_at": value}
        refused = await ada.post("/users/me/api-keys", json=body)
        assert (refused.status_code, paths_of(refused)) == (422, ["expires_at"])
        assert "keys may be good until" in refused.json()["errors"][0]["message"]


# ---- streams -------------------------------------------------------------------------------------------------


async def revoke_login(services: Services, visitor: Visitor) -> None:
    await visitor.http.post("/auth/logout", json={"refresh_token": visitor.tokens["refresh_token"]})


async def _set(services: Services, table: Any, visitor: Visitor, **values: Any) -> None:
    owner = select(User.id).where(User.username == visitor.username)
    column = User.id if table is User else table.user_id
    async with open_session(services.sessions) as session:
        await session.execute(update(table).where(column.in_(owner)).values(**values))
        await session.commit()


async def expire_login(services: Services, visitor: Visitor) -> None:
    await _set(services, LoginSession, visitor, expires_at=datetime.now(UTC) - timedelta(seconds=1))


async def disable(services: Services, visitor: Visitor) -> None:
    await _set(services, User, visitor, disabled_at=datetime.now(UTC))


async def expire_key(services: Services, visitor: Visitor) -> None:
    await _set(services, ApiKey, visitor, expires_at=datetime.now(UTC) - timedelta(seconds=1))


async def delete_key(services: Services, visitor: Visitor) -> None:
    async with open_session(services.sessions) as session:
        await session.execute(
            delete(ApiKey).where(ApiKey.user_id.in_(select(User.id).where(User.username == visitor.username)))
        )
        await session.commit()


End = Callable[[Services, Visitor], Awaitable[None]]


@pytest.mark.parametrize("path", ["/jobs/{}/events", "/notifications/events"])
@pytest.mark.parametrize(
    ("by_key", "end"),
    [
        (False, revoke_login),
        (False, expire_login),
        (False, disable),
        (True, expire_key),
        (True, delete_key),
        (True, disable),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_a_stream_ends_with_what_opened_it_on_every_replica(
    services: Services, ada: Visitor, bob: Visitor, path: str, by_key: bool, end: End
) -> None:
    job_id = await rows.job(services, ada)
    reader = await with_key(services, ada, "read") if by_key else ada
    other = Services.of(services.settings, objects=services.objects)
    replica = httpx.AsyncClient(transport=httpx.ASGITransport(create_app_on(other)), base_url="http://test/api/v1")
    of_bob = asyncio.create_task(bob.get("/notifications/events"))
    streams = [
        asyncio.create_task(client.get(path.format(job_id), headers=reader.headers)) for client in (ada.http, replica)
    ]
    async with asyncio.timeout(30):
        while len(services.open_streams) < 2 or len(other.open_streams) < 1:  # of Bob and of Ada; of Ada
            await asyncio.sleep(0.02)
    assert not any(stream.done() for stream in streams)
    await end(services, ada)
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*streams)
    assert [answer.status_code for answer in answers] == [200, 200]
    again = await replica.get(path.format(job_id), headers=reader.headers)
    assert again.status_code == 401
    assert not of_bob.done()  # nobody else's stream ends
    of_bob.cancel()
    await asyncio.gather(of_bob, return_exceptions=True)
    await replica.aclose()
    await other.close()
