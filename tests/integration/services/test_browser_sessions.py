"""Sessions of browsers: the refresh token is in a cookie, and only the API's own pages can use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest

from services.api.app import create_app_on
from services.api.context import Services
from services.settings import Settings
from tests.integration.services.documented import Documented
from tests.integration.services.test_accounts import age_refreshes
from tests.integration.services.visitors import PASSWORD, Visitor, paths_of, sign_up

COOKIE = {"X-LIM-Session": "cookie"}
OWN = {**COOKIE, "Origin": "http://test", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def ada(http: httpx.AsyncClient) -> Visitor:
    """A user with a password."""
    return await sign_up(http)


@asynccontextmanager
async def browser(services: Services, base_url: str = "http://test") -> AsyncIterator[httpx.AsyncClient]:
    """A client with a cookie jar of its own."""
    documented = Documented()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app_on(services)),
        base_url=f"{base_url}/api/v1",
        event_hooks={"response": [documented]},
    ) as client:
        yield client
    assert not documented.faults


async def log_in(client: httpx.AsyncClient, user: Visitor, **headers: str) -> httpx.Response:
    body = {"username_or_email": user.username, "password": PASSWORD}
    return await client.post("/auth/login", json=body, headers={**OWN, **headers})


def cookie_of(answer: httpx.Response) -> Morsel[str]:
    """The only cookie that an answer sets."""
    [header] = answer.headers.get_list("set-cookie")
    [cookie] = SimpleCookie(header).values()
    return cookie


async def is_welcome(client: httpx.AsyncClient, tokens: dict[str, Any]) -> bool:
    """Whether an access token is good."""
    me = await client.get("/users/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    return me.status_code == 200


# ---- the way of a page ---------------------------------------------------------------------------------------


async def test_log_in_refresh_and_log_out_with_a_cookie_alone(services: Services, ada: Visitor) -> None:
    async with browser(services) as client:
        login = await log_in(client, ada)
        assert login.status_code == 200
        assert login.json()["refresh_token"] is None
        assert login.headers["cache-control"] == "no-store"
        cookie = cookie_of(login)
        assert cookie.key == "lim_refresh"
        assert cookie.value not in login.text
        told = (cookie["path"], cookie["httponly"], cookie["samesite"], cookie["max-age"], cookie["domain"])
        assert told == ("/api/v1/auth", True, "Strict", str(services.settings.refresh_token_s), "")
        assert not cookie["secure"]
        assert await is_welcome(client, login.json())

        refreshed = await client.post("/auth/refresh", headers=OWN)
        assert refreshed.status_code == 200
        assert refreshed.json()["refresh_token"] is None
        assert cookie_of(refreshed).value not in ("", cookie.value)
        assert await is_welcome(client, refreshed.json())

        left = await client.post("/auth/logout", headers=OWN)
        assert left.status_code == 204
        assert (cookie_of(left).value, cookie_of(left)["max-age"], cookie_of(left)["path"]) == ("", "0", "/api/v1/auth")
        assert not client.cookies
        assert not await is_welcome(client, refreshed.json())
        assert (await client.post("/auth/logout", headers=OWN)).status_code == 204
        again = await client.post("/auth/refresh", headers=OWN)
        assert (again.status_code, again.json()["code"]) == (401, "refresh_cookie_missing")
        assert "set-cookie" not in again.headers


async def test_two_tabs_refresh_at_once_and_stay(services: Services, ada: Visitor) -> None:
    async with browser(services) as client:
        await log_in(client, ada)
        answers = await asyncio.gather(*(client.post("/auth/refresh", headers=OWN) for _ in range(3)))
        assert [answer.status_code for answer in answers] == [200] * 3
        assert len({cookie_of(answer).value for answer in answers}) == 1
        assert [await is_welcome(client, answer.json()) for answer in answers] == [True] * 3


async def test_a_dead_cookie_is_cleared(services: Services, ada: Visitor) -> None:
    async with browser(services) as client:
        login = await log_in(client, ada)
        stolen = cookie_of(login).value
        tokens = (await client.post("/auth/refresh", headers=OWN)).json()
        user = Visitor(client, ada.username, tokens)
        await age_refreshes(services, user, services.settings.refresh_grace_s)
        async with browser(services) as thief:
            thief.cookies.set("lim_refresh", stolen, path="/api/v1/auth")
            caught = await thief.post("/auth/refresh", headers=OWN)
            assert (caught.status_code, caught.json()["code"]) == (401, "refresh_token_invalid")
            assert cookie_of(caught)["max-age"] == "0"
        refused = await client.post("/auth/refresh", headers=OWN)  # the whole login has ended
        assert refused.status_code == 401
        assert not client.cookies
        assert not await is_welcome(client, tokens)


async def test_a_wrong_password_leaves_the_cookie_of_another_login(services: Services, ada: Visitor) -> None:
    async with browser(services) as client:
        await log_in(client, ada)
        body = {"username_or_email": ada.username, "password": "not the password"}
        wrong = await client.post("/auth/login", json=body, headers=OWN)
        assert wrong.status_code == 401
        assert "set-cookie" not in wrong.headers
        assert (await client.post("/auth/refresh", headers=OWN)).status_code == 200


# ---- other modes ---------------------------------------------------------------------------------------------


async def test_a_cookie_without_the_header_is_ignored(services: Services, ada: Visitor) -> None:
    async with browser(services) as client:
        tokens = (await log_in(client, ada)).json()
        for path in ("/auth/refresh", "/auth/logout"):
            for headers in ({}, {"Origin": "http://test", "Sec-Fetch-Site": "same-origin"}):
                answer = await client.post(path, headers=headers)
                assert (answer.status_code, paths_of(answer)) == (422, [""])
        assert await is_welcome(client, tokens)
        body = {"username_or_email": ada.username, "password": PASSWORD}
        plain = await client.post("/auth/login", json=body)
        assert plain.json()["refresh_token"].startswith("limr_")
        assert "set-cookie" not in plain.headers
        rotated = await client.post("/auth/refresh", json={"refresh_token": plain.json()["refresh_token"]})
        assert rotated.json()["refresh_token"].startswith("limr_")
        assert "set-cookie" not in rotated.headers


async def test_a_token_in_the_body_and_the_cookie_mode_exclude_each_other(services: Services, ada: Visitor) -> None:
    async with browser(services) as client:
        await log_in(client, ada)
        for path in ("/auth/refresh", "/auth/logout"):
            both = await client.post(path, headers=OWN, json={"refresh_token": ada.tokens["refresh_token"]})
            assert (both.status_code, paths_of(both)) == (422, ["refresh_token"])
            odd = await client.post(path, headers={**OWN, "X-LIM-Session": "token"})
            assert (odd.status_code, paths_of(odd)) == (422, ["X-LIM-Session"])
        assert (await client.post("/auth/refresh", headers=OWN)).status_code == 200


# ---- other sites ---------------------------------------------------------------------------------------------

OTHERS: dict[str, dict[str, str]] = {
    "another site": {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
    "another site in an old browser": {"Origin": "http://evil.example"},
    "a sibling": {"Origin": "http://sub.test", "Sec-Fetch-Site": "same-site"},
    "another port": {"Origin": "http://test:8080"},
    "a name that begins alike": {"Origin": "http://test.evil.example"},
    "a name that ends alike": {"Origin": "http://eviltest"},
    "a user name": {"Origin": "http://test@evil.example"},
    "an opaque origin": {"Origin": "null"},
    "an odd scheme": {"Origin": "file://test"},
    "no address": {"Origin": "http://[::1"},
    "an address bar": {"Origin": "http://test", "Sec-Fetch-Site": "none"},
    "an origin that is only claimed": {"Origin": "http://test", "Sec-Fetch-Site": "cross-site"},
    "a site that is only claimed": {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    "nothing said": {},
    "a forwarded host that nobody trusts": {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"},
}


@pytest.mark.parametrize("name", OTHERS)
async def test_another_origin_can_neither_log_in_nor_use_the_cookie(
    services: Services, ada: Visitor, name: str
) -> None:
    async with browser(services) as client:
        tokens = (await log_in(client, ada)).json()
        body = {"username_or_email": ada.username, "password": PASSWORD}
        for path, given in {"login": {"json": body}, "refresh": {}, "logout": {}}.items():
            answer = await client.post(f"/auth/{path}", headers={**COOKIE, **OTHERS[name]}, **given)
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_site"), path
            assert "set-cookie" not in answer.headers
        assert await is_welcome(client, tokens)
        assert (await client.post("/auth/refresh", headers=OWN)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://test"},
        {"Origin": "HTTP://TEST:80"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://test"},  # a proxy that ends TLS, and that nobody has named
    ],
)
async def test_ones_own_pages_may(services: Services, ada: Visitor, headers: dict[str, str]) -> None:
    async with browser(services) as client:
        body = {"username_or_email": ada.username, "password": PASSWORD}
        assert (await client.post("/auth/login", json=body, headers={**COOKIE, **headers})).status_code == 200


async def test_the_public_address_is_ones_own_too(settings: Settings, services: Services, ada: Visitor) -> None:
    known = replace(services, settings=settings.model_copy(update={"public_url": "https://lim.example/"}))
    async with browser(known) as client:
        assert (await log_in(client, ada, Origin="https://lim.example")).status_code == 200
        assert (await log_in(client, ada, Origin="http://lim.example")).status_code == 403
        assert (await log_in(client, ada, Origin="https://lim.example:444")).status_code == 403


# ---- https ---------------------------------------------------------------------------------------------------


async def test_under_https_the_cookie_is_secure_and_its_name_says_so(services: Services, ada: Visitor) -> None:
    async with browser(services, "https://test") as client:
        refused = await log_in(client, ada, Origin="http://test")  # a page that anybody on the network can change
        assert refused.status_code == 403
        cookie = cookie_of(await log_in(client, ada, Origin="https://test"))
        assert (cookie.key, cookie["secure"]) == ("__Secure-lim_refresh", True)
        client.cookies.set("lim_refresh", "limr_planted", path="/api/v1/auth")
        refreshed = await client.post("/auth/refresh", headers={**OWN, "Origin": "https://test"})
        assert refreshed.status_code == 200
        left = await client.post("/auth/logout", headers={**OWN, "Origin": "https://test"})
        assert (cookie_of(left).key, cookie_of(left)["secure"]) == ("__Secure-lim_refresh", True)


async def test_behind_ones_own_proxy_https_is_what_the_proxy_says(
    settings: Settings, services: Services, ada: Visitor
) -> None:
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "lim.example", "Origin": "https://lim.example"}
    proxied = replace(services, settings=settings.model_copy(update={"trust_forwarded_for": ("127.0.0.0/8",)}))
    async with browser(proxied) as client:
        assert cookie_of(await log_in(client, ada, **told))["secure"] is True
        assert (await log_in(client, ada, **{**told, "Origin": "http://lim.example"})).status_code == 403
        added = {**told, "X-Forwarded-Proto": "https, http"}  # what the client claims, and what the proxy adds
        assert not cookie_of(await log_in(client, ada, **added))["secure"]
    async with browser(services) as client:  # nobody has named a proxy
        assert (await log_in(client, ada, **told)).status_code == 403
        forged = await log_in(client, ada, **{"X-Forwarded-Proto": "https"})
        assert not cookie_of(forged)["secure"]
