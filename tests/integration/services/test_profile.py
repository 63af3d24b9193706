"""What people do with their own accounts: profile, password, API keys, and the trail of it."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, update

from services.api.context import Services
from services.auth.api_keys import MOST_KEYS
from services.auth.passwords import hash_password
from services.database.engine import open_session
from services.database.models import ApiKey, User
from tests.integration.services import rows
from tests.integration.services.test_accounts import age_refreshes
from tests.integration.services.visitors import PASSWORD, Visitor, paths_of, sign_up

NEW_PASSWORD = "another battery entirely"
PROOF = {"current_password": PASSWORD}


@pytest.fixture
async def ada(http: httpx.AsyncClient) -> Visitor:
    """A user with a password."""
    return await sign_up(http)


async def log_in(visitor: Visitor, password: str) -> httpx.Response:
    return await visitor.http.post("/auth/login", json={"username_or_email": visitor.username, "password": password})


async def with_key(visitor: Visitor, **body: object) -> tuple[Visitor, str]:
    """The same user by an API key, and the key's id."""
    answer = await visitor.post("/users/me/api-keys", json={"name": "a script", "current_password": PASSWORD, **body})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return Visitor(visitor.http, visitor.username, {"access_token": answer.json()["key"]}), answer.json()["id"]


# ---- profile -------------------------------------------------------------------------------------------------


async def test_a_name_and_an_address_change(ada: Visitor) -> None:
    name = f"{ada.username}-x"
    body = {"username": name, "email": f"{name}@example.org", "current_password": PASSWORD}
    answer = await ada.call("PATCH", "/users/me", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["username"], answer.json()["email"]) == (name, f"{name}@example.org")
    assert (await ada.get("/users/me")).json() == answer.json()
    login = await ada.http.post("/auth/login", json={"username_or_email": f"{name}@EXAMPLE.org", "password": PASSWORD})
    assert login.status_code == 200
    assert (await log_in(ada, PASSWORD)).status_code == 401  # nobody has the old name


async def test_every_fault_of_a_change_is_reported_at_once(ada: Visitor) -> None:
    answer = await ada.call("PATCH", "/users/me", json={"username": "-", "email": "nowhere"})
    assert answer.status_code == 422
    assert set(paths_of(answer)) == {"username", "email", "current_password"}
    wrong = await ada.call("PATCH", "/users/me", json={"email": "a@example.org", "current_password": "guess"})
    assert (wrong.status_code, paths_of(wrong)) == (422, ["current_password"])


async def test_a_name_that_is_taken_stays_anothers(ada: Visitor, http: httpx.AsyncClient) -> None:
    bob = await sign_up(http)
    answer = await ada.call("PATCH", "/users/me", json={"username": bob.username.upper()})
    assert (answer.status_code, paths_of(answer)) == (409, ["username"])
    own = await ada.call("PATCH", "/users/me", json={"username": ada.username.upper()})
    assert own.status_code == 200  # one's own in another case


async def test_two_who_want_one_name_at_once(http: httpx.AsyncClient) -> None:
    people = [await sign_up(http) for _ in range(2)]
    wanted = f"wanted{uuid.uuid4().hex[:8]}"
    answers = await asyncio.gather(*(one.call("PATCH", "/users/me", json={"username": wanted}) for one in people))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


# ---- password ------------------------------------------------------------------------------------------------


async def test_a_new_password_ends_every_other_login(ada: Visitor) -> None:
    elsewhere = Visitor(ada.http, ada.username, (await log_in(ada, PASSWORD)).json())
    script, _ = await with_key(ada)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await ada.post("/users/me/password", json=body)).status_code == 204
    assert (await ada.get("/users/me")).status_code == 200
    assert (await elsewhere.get("/users/me")).status_code == 401
    refreshed = await ada.http.post("/auth/refresh", json={"refresh_token": elsewhere.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await script.get("/users/me")).status_code == 200
    assert (await log_in(ada, PASSWORD)).status_code == 401
    assert (await log_in(ada, NEW_PASSWORD)).status_code == 200


async def test_a_password_is_changed_only_by_who_knows_it_and_only_for_a_good_one(ada: Visitor) -> None:
    async def change(current: str, new: str) -> httpx.Response:
        return await ada.post("/users/me/password", json={"current_password": current, "new_password": new})

    wrong = await change("not the password", NEW_PASSWORD)
    assert (wrong.status_code, wrong.json()["code"], paths_of(wrong)) == (422, "wrong_password", ["current_password"])
    weak = await change(PASSWORD, ada.username)
    assert weak.status_code == 422
    assert set(paths_of(weak)) == {"new_password"}
    assert paths_of(await change(PASSWORD, PASSWORD)) == ["new_password"]
    assert (await log_in(ada, PASSWORD)).status_code == 200


async def test_who_has_a_token_cannot_guess_the_password(services: Services, ada: Visitor) -> None:
    body = {"current_password": "a guess or two", "new_password": NEW_PASSWORD}
    statuses = [
        (await ada.post("/users/me/password", json=body)).status_code
        for _ in range(services.settings.login_attempts + 1)
    ]
    assert statuses == [422] * services.settings.login_attempts + [429]


# ---- API keys ------------------------------------------------------------------------------------------------


async def test_a_key_works_in_its_owners_name_until_it_is_deleted(services: Services, ada: Visitor) -> None:
    script, key_id = await with_key(ada)
    assert script.tokens["access_token"].startswith("lim_")
    assert (await script.get("/users/me")).json()["username"] == ada.username
    await rows.ready_dataset(services, ada)
    assert (await script.get("/datasets")).json()["total"] == 1
    listed = (await ada.get("/users/me/api-keys")).json()["items"]
    assert [key["id"] for key in listed] == [key_id]
    assert script.tokens["access_token"].startswith(listed[0]["start"])
    assert listed[0]["last_used_at"] is not None
    assert "key" not in listed[0]
    async with open_session(services.sessions) as session:
        kept = await session.scalar(select(ApiKey.key_hash).where(ApiKey.id == uuid.UUID(key_id)))
    assert kept is not None
    assert script.tokens["access_token"] not in kept

    assert (await ada.call("DELETE", f"/users/me/api-keys/{key_id}")).status_code == 204
    gone = await script.get("/users/me")
    assert (gone.status_code, gone.json()["code"]) == (401, "api_key_invalid")
    assert (await ada.call("DELETE", f"/users/me/api-keys/{key_id}")).status_code == 404


async def test_a_key_does_not_open_the_account_itself(ada: Visitor) -> None:
    script, key_id = await with_key(ada)
    for method, path, body in (
        ("GET", "/users/me/api-keys", None),
        ("POST", "/users/me/api-keys", {"name": "one more", "current_password": PASSWORD}),
        ("DELETE", f"/users/me/api-keys/{key_id}", None),
        ("PATCH", "/users/me", {"username": "mine"}),
        ("POST", "/users/me/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        ("GET", "/users/me/audit", None),
    ):
        answer = await script.call(method, path, json=body) if body else await script.call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "login_required"), f"{method} {path}"


async def test_a_key_expires(services: Services, ada: Visitor) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    refused = await ada.post("/users/me/api-keys", json={"name": "late", "expires_at": past, **PROOF})
    assert (refused.status_code, paths_of(refused)) == (422, ["expires_at"])
    zoneless = await ada.post(
        "/users/me/api-keys", json={"name": "where", "expires_at": "2099-01-01T00:00:00", **PROOF}
    )
    assert (zoneless.status_code, paths_of(zoneless)) == (422, ["expires_at"])

    script, key_id = await with_key(ada, expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert (await script.get("/users/me")).status_code == 200
    async with open_session(services.sessions) as session:
        ended = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(ApiKey).where(ApiKey.id == uuid.UUID(key_id)).values(expires_at=ended))
        await session.commit()
    assert (await script.get("/users/me")).status_code == 401


async def test_a_call_that_is_repeated_makes_one_key_and_does_not_show_it_again(ada: Visitor) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await ada.post("/users/me/api-keys", json={"name": "a", **PROOF}, headers=headers)
    again = await ada.post("/users/me/api-keys", json={"name": "a", **PROOF}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert (first.json()["key"] is None, again.json()["key"]) == (False, None)
    assert (await ada.get("/users/me/api-keys")).json()["total"] == 1


async def test_there_is_an_end_to_keys(services: Services, ada: Visitor) -> None:
    user_id = uuid.UUID((await ada.get("/users/me")).json()["id"])
    async with open_session(services.sessions) as session:
        session.add_all(
            ApiKey(
                user_id=user_id,
                name="k",
                start="lim_",
                key_hash=uuid.uuid4().hex,
                scope="read",
                expires_at=datetime.now(UTC) + timedelta(days=1),
            )
            for _ in range(MOST_KEYS - 1)
        )
        await session.commit()
    answers = await asyncio.gather(*(ada.post("/users/me/api-keys", json={"name": "x", **PROOF}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


# ---- trail ---------------------------------------------------------------------------------------------------


async def test_the_trail_tells_what_happened_to_an_account(services: Services, ada: Visitor) -> None:
    await log_in(ada, "a wrong password")
    _, key_id = await with_key(ada)
    await ada.call("DELETE", f"/users/me/api-keys/{key_id}")
    await ada.post("/users/me/password", json={"current_password": "wrong", "new_password": NEW_PASSWORD})
    await ada.post("/users/me/password", json={"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    refreshed = (await ada.http.post("/auth/refresh", json={"refresh_token": ada.tokens["refresh_token"]})).json()
    await age_refreshes(services, ada, services.settings.refresh_grace_s)
    await ada.http.post("/auth/refresh", json={"refresh_token": ada.tokens["refresh_token"]})  # used up already
    assert (await ada.get("/users/me")).status_code == 401  # the whole login is revoked
    again = Visitor(ada.http, ada.username, (await log_in(ada, NEW_PASSWORD)).json())
    answer = await again.get("/users/me/audit", params={"limit": 100})
    told = [event["action"] for event in reversed(answer.json()["items"])]
    assert told == [
        "signed_up",
        "logged_in",
        "login_failed",
        "api_key_created",
        "api_key_deleted",
        "password_refused",
        "password_changed",
        "refresh_token_reused",
        "logged_in",
    ]
    text = answer.text
    for secret in (PASSWORD, NEW_PASSWORD, "a wrong password", refreshed["refresh_token"]):
        assert secret not in text
    assert all(event["address"] and event["correlation_id"] for event in answer.json()["items"])
    await again.http.post("/auth/logout", json={"refresh_token": again.tokens["refresh_token"]})


async def test_the_trail_is_ones_own(ada: Visitor, http: httpx.AsyncClient) -> None:
    bob = await sign_up(http)
    assert {event["action"] for event in (await bob.get("/users/me/audit")).json()["items"]} == {
        "signed_up",
        "logged_in",
    }


async def test_a_password_of_before_the_rules_still_logs_in_and_is_not_taken_anew(
    services: Services, http: httpx.AsyncClient
) -> None:
    ada = await sign_up(http)
    async with open_session(services.sessions) as session:
        weak = await hash_password("password1")
        await session.execute(update(User).where(User.username == ada.username).values(password_hash=weak))
        await session.commit()
    again = await log_in(ada, "password1")
    assert again.status_code == 200
    body = {"current_password": "password1", "new_password": "Password1234!"}
    refused = await Visitor(http, ada.username, again.json()).post("/users/me/password", json=body)
    assert (refused.status_code, paths_of(refused)) == (422, ["new_password"])
    assert "a guesser tries" in refused.text
