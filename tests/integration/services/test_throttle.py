"""Guessers from one address and from many, and the owner meanwhile: each client here has an address of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update

from services.api.app import create_app_on
from services.api.context import Services
from services.auth.throttle import network_of
from services.database.engine import open_session
from services.database.models import LoginThrottle
from tests.integration.services.visitors import PASSWORD, Visitor, sign_up

HOME = "192.0.2.1"
From = Callable[[str], httpx.AsyncClient]


@pytest.fixture
async def services(services: Services) -> Services:
    """Strict limits, and nothing counted yet."""
    async with open_session(services.sessions) as session:
        await session.execute(delete(LoginThrottle))
        await session.commit()
    limits = {
        "login_attempts": 4,
        "login_attempts_per_address": 50,
        "login_attempts_per_account": 6,
        "signups_per_address": 3,
        "refreshes_per_address": 5,
        "refreshes_per_login": 2,
    }
    return replace(services, settings=services.settings.model_copy(update=limits))


@pytest.fixture
def client_at(services: Services) -> From:
    """A client at an address, of one of two replicas in turn."""
    apps = [create_app_on(services) for _ in range(2)]
    made = iter(range(10**6))

    def at(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(apps[next(made) % 2], client=(address, 5))
        return httpx.AsyncClient(transport=transport, base_url="http://t/api/v1", timeout=30.0)

    return at


@pytest.fixture
async def ada(client_at: From) -> Visitor:
    """A user who has logged in at home."""
    return await sign_up(client_at(HOME))


async def guess(http: httpx.AsyncClient, name: str, password: str = "not the password") -> int:
    answer = await http.post("/auth/login", json={"username_or_email": name, "password": password})
    if answer.status_code == 429:
        assert answer.json()["code"] == "login_throttled"
        assert int(answer.headers["retry-after"]) > 0
    return answer.status_code


async def later(services: Services, seconds: float) -> None:
    """Let time pass for what is counted."""
    async with open_session(services.sessions) as session:
        past = LoginThrottle.window_started_at - timedelta(seconds=seconds)
        await session.execute(update(LoginThrottle).values(window_started_at=past))
        await session.commit()


async def test_guessers_at_many_addresses_share_the_accounts_limit(client_at: From, ada: Visitor) -> None:
    statuses = [await guess(client_at(f"198.51.100.{n}"), ada.username) for n in range(20)]
    assert statuses == [401] * 6 + [429] * 14
    # By the other name, and at once: it is the same account.
    clients = [client_at(f"198.51.100.{n}") for n in range(50, 70)]
    assert set(await asyncio.gather(*(guess(each, f"{ada.username}@example.com") for each in clients))) == {429}
    # Another account, and one that is not there, are not touched, and are counted alike.
    assert await guess(client_at("198.51.100.99"), "someone-else") == 401


async def test_a_name_without_an_account_is_limited_alike(client_at: From) -> None:
    statuses = [await guess(client_at(f"198.51.100.{n}"), "Nobody-at-all") for n in range(8)]
    assert statuses == [401] * 6 + [429] * 2


async def test_many_addresses_at_once_gain_nothing(client_at: From, ada: Visitor) -> None:
    clients = [client_at(f"198.51.100.{n}") for n in range(30)]
    statuses = await asyncio.gather(*(guess(each, ada.username) for each in clients))
    assert sorted(statuses) == [401] * 6 + [429] * 24


async def test_the_owner_logs_in_from_home_during_an_attack(client_at: From, ada: Visitor) -> None:
    for n in range(20):
        await guess(client_at(f"198.51.100.{n}"), ada.username)
    assert await guess(client_at(HOME), ada.username, PASSWORD) == 200
    assert await guess(client_at(HOME), ada.username) == 401
    assert await guess(client_at(HOME), ada.username, PASSWORD) == 200
    body = {"current_password": PASSWORD, "new_password": "another good password"}
    assert (await ada.post("/users/me/password", json=body)).status_code == 204
    # That opened nothing for the others.
    assert await guess(client_at("203.0.113.1"), ada.username) == 429


async def test_the_owner_at_a_new_place_gets_a_turn_before_those_who_had_theirs(
    services: Services, client_at: From, ada: Visitor
) -> None:
    attackers = [client_at(f"198.51.100.{n}") for n in range(3)]
    for _ in range(4):
        for attacker in attackers:
            await guess(attacker, ada.username)
    owner = client_at("203.0.113.7")
    assert await guess(owner, ada.username, PASSWORD) == 429
    # With each window another turn; those that have had their three do not get it, however often they ask.
    await later(services, services.settings.login_window_s + 1)
    statuses = [await guess(attacker, ada.username) for attacker in attackers for _ in range(4)]
    assert 401 not in statuses[1:], statuses
    await later(services, services.settings.login_window_s + 1)
    assert await guess(owner, ada.username, PASSWORD) == 200
    assert await guess(owner, ada.username, PASSWORD) == 200  # known from now on


async def test_one_stranger_does_not_use_up_the_accounts_turns(
    services: Services, client_at: From, ada: Visitor
) -> None:
    stranger = client_at("198.51.100.1")
    statuses = []
    for _ in range(12):
        statuses += [await guess(stranger, ada.username) for _ in range(6)]
        await later(services, services.settings.login_window_s + 1)
    assert statuses[:6] == [401] * 4 + [429] * 2
    assert statuses.count(401) == 4 * 5  # in a day, however long it waits between
    assert await guess(client_at("203.0.113.7"), ada.username, PASSWORD) == 200
    await later(services, 86400)
    assert await guess(stranger, ada.username) == 401


async def test_turns_come_back_and_are_counted_anew_after_a_day(
    services: Services, client_at: From, ada: Visitor
) -> None:
    addresses = iter(f"198.51.100.{n}" for n in range(200))
    first = [await guess(client_at(next(addresses)), ada.username) for _ in range(8)]
    assert first == [401] * 6 + [429] * 2
    for _ in range(3):
        await later(services, services.settings.login_window_s + 1)
        assert [await guess(client_at(next(addresses)), ada.username) for _ in range(3)] == [401, 429, 429]
    await later(services, 86400)
    assert [await guess(client_at(next(addresses)), ada.username) for _ in range(7)] == [401] * 6 + [429]


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:DB8:1:2:0:0:0:9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "unknown", True),
    ],
)
def test_ipv6_is_counted_by_network(one: str, other: str, is_one: bool) -> None:
    assert (network_of(one) == network_of(other)) is is_one


async def test_addresses_of_one_ipv6_network_are_one(client_at: From) -> None:
    ada = await sign_up(client_at("2001:db8:aa:1::1"))
    statuses = [await guess(client_at(f"2001:db8:bb:1::{n}"), ada.username) for n in range(1, 9)]
    assert statuses == [401] * 4 + [429] * 4
    for n in range(20):
        await guess(client_at(f"2001:db8:cc:{n}::1"), ada.username)
    assert await guess(client_at("2001:db8:dd:1::1"), ada.username, PASSWORD) == 429
    assert await guess(client_at("2001:db8:aa:1::77"), ada.username, PASSWORD) == 200  # at home, as another host


async def test_whoever_has_a_token_guesses_the_password_no_faster(client_at: From, ada: Visitor) -> None:
    statuses = []
    for n in range(4):
        thief = Visitor(client_at(f"198.51.100.{n}"), ada.username, ada.tokens)
        for _ in range(3):
            body = {"current_password": "a guess or two", "new_password": "another good password"}
            statuses.append((await thief.post("/users/me/password", json=body)).status_code)
    assert statuses == [422] * 6 + [429] * 6
    assert await guess(client_at("203.0.113.1"), ada.username) == 429  # log-ins are counted with them
    thief = Visitor(client_at("198.51.100.70"), ada.username, ada.tokens)
    moved = await thief.call("PATCH", "/users/me", json={"email": "x@example.com", "current_password": "a guess"})
    assert moved.status_code == 429


async def test_sign_ups_of_an_address_are_limited(services: Services, client_at: From) -> None:
    def body(n: int) -> dict[str, Any]:
        return {"username": f"crowd{n}", "email": f"crowd{n}@example.com", "password": PASSWORD}

    answers = [await client_at("198.51.100.1").post("/auth/signup", json=body(n)) for n in range(5)]
    assert [answer.status_code for answer in answers] == [201] * 3 + [429] * 2
    assert answers[-1].json()["code"] == "signup_throttled"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 3600
    assert (await client_at("198.51.100.2").post("/auth/signup", json=body(4))).status_code == 201
    # Which names are taken is asked no faster.
    assert (await client_at("198.51.100.1").post("/auth/signup", json=body(0))).status_code == 429
    await later(services, 3601)
    assert (await client_at("198.51.100.1").post("/auth/signup", json=body(3))).status_code == 201


async def test_refreshes_are_limited_and_a_refused_one_costs_no_token(
    services: Services, client_at: From, ada: Visitor
) -> None:
    async def refresh(tokens: dict[str, Any], address: str) -> httpx.Response:
        return await client_at(address).post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})

    tokens = ada.tokens
    for n in range(2):
        answer = await refresh(tokens, f"198.51.100.{n}")
        assert answer.status_code == 200
        tokens = answer.json()
    refused = await refresh(tokens, "198.51.100.3")
    assert (refused.status_code, refused.json()["code"]) == (429, "refresh_throttled")
    await later(services, services.settings.login_window_s + 1)
    assert (await refresh(tokens, "198.51.100.3")).status_code == 200
    guesses = [await refresh({"refresh_token": f"limr_{n}"}, "198.51.100.4") for n in range(7)]
    assert [answer.status_code for answer in guesses] == [401] * 5 + [429] * 2
    left = await client_at("198.51.100.4").post("/auth/logout", json={"refresh_token": "limr_1"})
    assert left.status_code == 429


async def test_logging_in_again_and_again_is_limited_too(client_at: From, ada: Visitor) -> None:
    home = client_at(HOME)
    statuses = [await guess(home, ada.username, PASSWORD) for _ in range(25)]
    assert statuses == [200] * 23 + [429] * 2  # 6 for each failure that is allowed, the first of them by `sign_up`
