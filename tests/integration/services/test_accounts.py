"""Sign-up, login, refresh, logout, throttling, over HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from services.api.app import create_app_on
from services.api.context import Services
from services.database.engine import open_session
from services.database.housekeeping import sweep
from services.database.models import IdempotencyKey, LoginSession, LoginThrottle, RefreshToken
from services.settings import Settings
from tests.integration.services.visitors import PASSWORD, Visitor, paths_of, sign_up


@pytest.fixture
async def ada(http: httpx.AsyncClient) -> Visitor:
    """A user with a password."""
    return await sign_up(http)


async def test_a_new_user_is_told_who_they_are(ada: Visitor) -> None:
    me = (await ada.get("/users/me")).json()
    assert me["username"] == ada.username
    assert me["email"] == f"{ada.username}@example.com"
    assert me["role"] == "user"
    assert set(me) == {"id", "username", "email", "role", "created_at"}


async def test_every_fault_of_a_sign_up_is_reported_at_once(http: httpx.AsyncClient) -> None:
    answer = await http.post("/auth/signup", json={"username": "-!", "email": "nowhere", "password": "short"})
    assert answer.status_code == 422
    assert set(paths_of(answer)) == {"username", "email", "password"}
    assert "short" not in answer.text  # a password is never sent back


async def test_missing_fields_are_reported_at_once(http: httpx.AsyncClient) -> None:
    answer = await http.post("/auth/signup", json={"user": "x"})
    assert answer.status_code == 422
    assert set(paths_of(answer)) == {"username", "email", "password", "user"}


async def test_a_name_and_an_address_are_taken_once_in_any_case(ada: Visitor) -> None:
    body = {"username": ada.username.upper(), "email": f"{ada.username.upper()}@EXAMPLE.com", "password": PASSWORD}
    answer = await ada.http.post("/auth/signup", json=body)
    assert answer.status_code == 409
    assert set(paths_of(answer)) == {"username", "email"}


async def test_two_sign_ups_at_once_make_one_account(http: httpx.AsyncClient) -> None:
    body = {"username": "twins", "email": "twins@example.com", "password": PASSWORD}
    answers = await asyncio.gather(*(http.post("/auth/signup", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_repeated_sign_up_with_the_same_key_is_the_same_account(http: httpx.AsyncClient) -> None:
    body = {"username": "careful", "email": "careful@example.com", "password": PASSWORD}
    headers = {"Idempotency-Key": "sign-up-once"}
    first = await http.post("/auth/signup", json=body, headers=headers)
    second = await http.post("/auth/signup", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    other = await http.post("/auth/signup", json={**body, "password": "another password"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"


async def test_login_by_name_and_by_address(ada: Visitor) -> None:
    for name in (ada.username, ada.username.upper(), f"{ada.username}@example.com"):
        login = await ada.http.post("/auth/login", json={"username_or_email": name, "password": PASSWORD})
        assert login.status_code == 200
        assert login.json()["token_type"] == "bearer"
        assert login.json()["expires_in"] == 900
        assert login.headers["cache-control"] == "no-store"


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(ada: Visitor) -> None:
    answers = [
        await ada.http.post("/auth/login", json={"username_or_email": name, "password": "wrong password"})
        for name in (ada.username, "nobody-at-all", "nobody@example.com", "")
    ]
    assert {answer.status_code for answer in answers} == {401}
    problems = [{**answer.json(), "correlation_id": ""} for answer in answers]
    assert all(problem == problems[0] for problem in problems)


async def age_refreshes(services: Services, visitor: Visitor, seconds: float) -> None:
    """As if this much time had passed since the tokens of a login were used."""
    of_login = update(RefreshToken).where(RefreshToken.family_id == visitor.login_id, RefreshToken.used_at.is_not(None))
    async with open_session(services.sessions) as session:
        await session.execute(of_login.values(used_at=RefreshToken.used_at - timedelta(seconds=seconds)))
        await session.commit()


async def test_a_refresh_token_is_used_once(services: Services, ada: Visitor) -> None:
    first = ada.tokens["refresh_token"]
    rotated = await ada.http.post("/auth/refresh", json={"refresh_token": first})
    assert rotated.status_code == 200
    second = rotated.json()
    assert second["refresh_token"] != first
    fresh = {"Authorization": f"Bearer {second['access_token']}"}
    assert (await ada.http.get("/users/me", headers=fresh)).status_code == 200

    await age_refreshes(services, ada, services.settings.refresh_grace_s)
    assert (await ada.http.post("/auth/refresh", json={"refresh_token": first})).status_code == 401
    # Somebody has a stolen copy: the whole login ends, the newest tokens too.
    assert (await ada.http.post("/auth/refresh", json=second)).status_code == 422  # extra fields
    answer = await ada.http.post("/auth/refresh", json={"refresh_token": second["refresh_token"]})
    assert answer.status_code == 401
    assert (await ada.http.get("/users/me", headers=fresh)).status_code == 401


# ---- the grace -----------------------------------------------------------------------------------------------


async def refreshed(visitor: Visitor, token: str) -> str:
    """The refresh token that replaces this one."""
    answer = await visitor.http.post("/auth/refresh", json={"refresh_token": token})
    assert answer.status_code == 200, answer.text
    fresh = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await visitor.http.get("/users/me", headers=fresh)).status_code == 200
    successor: str = answer.json()["refresh_token"]
    return successor


async def test_two_tabs_that_refresh_at_once_get_the_same_token(ada: Visitor) -> None:
    found = await asyncio.gather(*(refreshed(ada, ada.tokens["refresh_token"]) for _ in range(4)))
    assert len(set(found)) == 1
    assert await refreshed(ada, found[0]) != found[0]


async def test_a_late_tab_gets_the_newest_token_not_one_that_is_used(services: Services, ada: Visitor) -> None:
    first = ada.tokens["refresh_token"]
    second = await refreshed(ada, first)
    third = await refreshed(ada, second)
    assert await refreshed(ada, first) == third
    assert await refreshed(ada, second) == third
    await age_refreshes(services, ada, 3600)
    assert await refreshed(ada, third) not in {first, second, third}


async def test_a_login_never_has_two_tokens_that_can_be_exchanged(services: Services, ada: Visitor) -> None:
    """Whatever is sent again within the grace: a fork would let a thief go on beside the owner, unseen."""
    sent = [ada.tokens["refresh_token"]]
    for _ in range(3):
        found = await asyncio.gather(*(refreshed(ada, token) for token in sent for _ in range(2)))
        sent += [token for token in set(found) if token not in sent]
    unused = select(func.count()).where(RefreshToken.family_id == ada.login_id, RefreshToken.used_at.is_(None))
    async with open_session(services.sessions) as session:
        assert await session.scalar(unused) == 1


@pytest.mark.parametrize("later_user", ["owner", "thief"])
async def test_a_thief_within_the_grace_is_detected_at_the_next_refresh(
    services: Services, ada: Visitor, later_user: str
) -> None:
    """The thief sends a token that the owner has just used. Both hold the same successor; its second use ends all."""
    owner = await refreshed(ada, ada.tokens["refresh_token"])
    thief = await refreshed(ada, ada.tokens["refresh_token"])
    next_of_first = await refreshed(ada, owner if later_user == "thief" else thief)
    await age_refreshes(services, ada, services.settings.refresh_grace_s)
    late = await ada.http.post("/auth/refresh", json={"refresh_token": thief if later_user == "thief" else owner})
    assert late.status_code == 401
    for token in (next_of_first, owner, thief):
        assert (await ada.http.post("/auth/refresh", json={"refresh_token": token})).status_code == 401
    assert (await ada.get("/users/me")).status_code == 401


async def test_sending_again_does_not_extend_the_grace(services: Services, ada: Visitor) -> None:
    first = ada.tokens["refresh_token"]
    await refreshed(ada, first)
    await age_refreshes(services, ada, services.settings.refresh_grace_s - 5)
    await refreshed(ada, first)
    await age_refreshes(services, ada, 5)
    assert (await ada.http.post("/auth/refresh", json={"refresh_token": first})).status_code == 401


async def test_a_token_of_a_login_that_has_ended_has_no_grace(ada: Visitor) -> None:
    first = ada.tokens["refresh_token"]
    second = await refreshed(ada, first)
    assert (await ada.http.post("/auth/logout", json={"refresh_token": second})).status_code == 204
    for token in (first, second):
        assert (await ada.http.post("/auth/refresh", json={"refresh_token": token})).status_code == 401


async def test_without_a_grace_one_of_two_wins(settings: Settings, services: Services, ada: Visitor) -> None:
    strict = replace(services, settings=settings.model_copy(update={"refresh_grace_s": 0}))
    body = {"refresh_token": ada.tokens["refresh_token"]}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app_on(strict)), base_url="http://test/api/v1"
    ) as client:
        answers = await asyncio.gather(*(client.post("/auth/refresh", json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]


async def test_another_login_of_the_user_goes_on(ada: Visitor) -> None:
    login = await ada.http.post("/auth/login", json={"username_or_email": ada.username, "password": PASSWORD})
    other = {"Authorization": f"Bearer {login.json()['access_token']}"}
    await ada.http.post("/auth/logout", json={"refresh_token": ada.tokens["refresh_token"]})
    assert (await ada.get("/users/me")).status_code == 401
    assert (await ada.http.get("/users/me", headers=other)).status_code == 200


async def test_logout_revokes_and_can_be_repeated(ada: Visitor) -> None:
    body = {"refresh_token": ada.tokens["refresh_token"]}
    assert (await ada.http.post("/auth/logout", json=body)).status_code == 204
    assert (await ada.http.post("/auth/logout", json=body)).status_code == 204
    assert (await ada.http.post("/auth/logout", json={"refresh_token": "limr_unknown"})).status_code == 204
    assert (await ada.http.post("/auth/refresh", json=body)).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer a.b.c"])
async def test_no_token_no_answer(http: httpx.AsyncClient, header: str) -> None:
    answer = await http.get("/users/me", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["errors"] == []


async def test_guessing_is_slowed_down_on_every_replica(settings: Settings, services: Services) -> None:
    strict = settings.model_copy(update={"login_attempts": 3})
    clients = [
        httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app_on(replace(services, settings=strict))), base_url="http://t/api/v1"
        )
        for _ in range(2)
    ]
    ada = await sign_up(clients[0])
    wrong = {"username_or_email": ada.username, "password": "wrong password"}
    right = {**wrong, "password": PASSWORD}
    answers = [await clients[turn % 2].post("/auth/login", json=wrong) for turn in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= strict.login_window_s
    assert answers[-1].json()["code"] == "login_throttled"
    # The right password does not help from this address, but another account is not touched.
    assert (await clients[1].post("/auth/login", json=right)).status_code == 429
    await sign_up(clients[1])


async def test_many_guesses_at_once_gain_nothing(settings: Settings, services: Services) -> None:
    strict = settings.model_copy(update={"login_attempts": 3})
    app = create_app_on(replace(services, settings=strict))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t/api/v1") as client:
        ada = await sign_up(client)
        wrong = {"username_or_email": ada.username, "password": "wrong password"}
        answers = await asyncio.gather(*(client.post("/auth/login", json=wrong) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 7


async def test_a_success_forgives_the_failures_before_it(settings: Settings, services: Services) -> None:
    strict = settings.model_copy(update={"login_attempts": 3})
    app = create_app_on(replace(services, settings=strict))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t/api/v1") as client:
        ada = await sign_up(client)
        for password in ("wrong one", "wrong two", PASSWORD, "wrong three", "wrong four", PASSWORD):
            body = {"username_or_email": ada.username, "password": password}
            answer = await client.post("/auth/login", json=body)
            assert answer.status_code == (200 if password == PASSWORD else 401)


async def test_what_has_expired_is_swept_and_nothing_else(settings: Settings, services: Services, ada: Visitor) -> None:
    await ada.http.post("/auth/login", json={"username_or_email": "guess", "password": "wrong password"})
    await ada.post("/datasets", json=NEW_DATASET, headers={"Idempotency-Key": "swept"})
    await sweep(services.sessions, settings)
    assert (await ada.get("/users/me")).status_code == 200
    async with open_session(services.sessions) as session:
        assert await session.scalar(select(func.count()).select_from(LoginThrottle)) != 0
        long_ago = datetime.now(UTC) - timedelta(days=60)
        for table, column in (
            (LoginThrottle, LoginThrottle.window_started_at),
            (RefreshToken, RefreshToken.expires_at),
            (LoginSession, LoginSession.expires_at),
            (IdempotencyKey, IdempotencyKey.created_at),
        ):
            await session.execute(update(table).values({column: long_ago}))
        await session.commit()
    await sweep(services.sessions, settings)
    async with open_session(services.sessions) as session:
        for table in (LoginThrottle, RefreshToken, LoginSession, IdempotencyKey):
            assert await session.scalar(select(func.count()).select_from(table)) == 0
    assert (await ada.get("/users/me")).status_code == 401


NEW_DATASET = {"name": "x", "source": {"type": "upload", "files": [{"name": "a.zip", "size": 1}]}}
