"""Bodies that are too large, too slow, or too many at once, whatever stands in front of the application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message

from services.api.app import create_app
from services.api.body_limit import MOST_ARRIVING, MOST_ARRIVING_PER_SENDER
from services.settings import load_settings

Next = Callable[[], Any]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The application, where a body has half a second."""
    environ = {
        "LIM_HOME": str(tmp_path_factory.mktemp("home")),
        "LIM_BODY_S": "0.5",
        "DATABASE_URL": "postgresql://nowhere/none",
        "S3_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    return create_app(load_settings(environ))


async def ask(
    app: FastAPI, receive: Next, client: str = "192.0.2.1", headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str]]:
    """Status and headers of an answer to a log-in whose body comes as `receive` says."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    told = {"content-type": "application/json", "content-length": "1000", **(headers or {})}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/auth/login",
        "raw_path": b"/api/v1/auth/login",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        "client": (client, 5),
        "http_version": "1.1",
        "scheme": "http",
        "server": ("x", 80),
    }
    await app(scope, receive, send)
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


async def nothing() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def drip() -> Message:
    await asyncio.sleep(0.05)
    return {"type": "http.request", "body": b" ", "more_body": True}


@pytest.mark.parametrize("receive", [nothing, drip])
async def test_a_body_that_does_not_arrive_is_given_up(app: FastAPI, receive: Next) -> None:
    began = asyncio.get_running_loop().time()
    status, headers = await ask(app, receive)
    assert status == 408
    assert headers["content-type"] == "application/problem+json"
    assert asyncio.get_running_loop().time() - began < 20  # its limit is a fraction of a second, the default a minute


async def test_a_body_of_unknown_length_is_given_up_too(app: FastAPI) -> None:
    status, _ = await ask(app, drip, headers={"content-length": "", "transfer-encoding": "chunked"})
    assert status == 408


async def test_bodies_on_their_way_are_bounded_by_sender_and_in_all(app: FastAPI) -> None:
    async def flood(clients: list[str]) -> list[int]:
        return [status for status, _ in await asyncio.gather(*(ask(app, nothing, client) for client in clients))]

    one = await flood([f"2001:db8::{n:x}" for n in range(MOST_ARRIVING_PER_SENDER + 20)])
    assert (one.count(408), one.count(429)) == (MOST_ARRIVING_PER_SENDER, 20)
    few = await flood([f"198.51.{n // 50}.7" for n in range(500)] + ["203.0.113.7"])
    assert few.count(429) > 350
    assert few[-1] == 408  # let in, though others had sent what they could
    many = await flood([f"198.51.{n // 250}.{n % 250}" for n in range(MOST_ARRIVING + 20)])
    assert (many.count(408), many.count(503)) == (MOST_ARRIVING, 20)
    assert await flood(["192.0.2.1"]) == [408]  # those that were given up count no more


async def test_a_body_that_is_here_counts_no_more(app: FastAPI) -> None:
    async def whole() -> Message:
        return {"type": "http.request", "body": b"[", "more_body": False}

    statuses = [(await ask(app, whole))[0] for _ in range(MOST_ARRIVING_PER_SENDER + 20)]
    assert set(statuses) == {400}
