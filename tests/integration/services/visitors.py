"""People who use the API in these tests."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from sqlalchemy import select, update

from services.api.context import Services
from services.auth.api_keys import Scope, create_key
from services.auth.sessions import open_login
from services.database.engine import open_session
from services.database.models import User

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


@dataclass
class Visitor:
    """Somebody who uses the API."""

    http: httpx.AsyncClient
    username: str
    tokens: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        """Who is calling."""
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    @property
    def login_id(self) -> uuid.UUID:
        """The login that the access token comes from."""
        return uuid.UUID(jwt.decode(self.tokens["access_token"], options={"verify_signature": False})["sid"])

    async def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """A call in this user's name."""
        headers = {**self.headers, **arguments.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **arguments)

    async def get(self, path: str, **arguments: Any) -> httpx.Response:
        """GET."""
        return await self.call("GET", path, **arguments)

    async def post(self, path: str, **arguments: Any) -> httpx.Response:
        """POST."""
        return await self.call("POST", path, **arguments)


async def known(services: Services, http: httpx.AsyncClient) -> Visitor:
    """Somebody new, logged in without the work of a password."""
    username = f"user{next(_numbers)}"
    async with open_session(services.sessions) as session:
        user = User(
            id=uuid.uuid4(),
            username=username,
            username_key=username,
            email=f"{username}@example.com",
            email_key=f"{username}@example.com",
            password_hash="none",
        )
        session.add(user)
        await session.flush()
        pair = await open_login(session, services.settings, user)
        await session.commit()
    return Visitor(http, username, {"access_token": pair.access_token, "refresh_token": pair.refresh_token})


async def with_key(services: Services, visitor: Visitor, scope: Scope = "write") -> Visitor:
    """The same user, by an API key."""
    async with open_session(services.sessions) as session:
        user = (await session.scalars(select(User).where(User.username == visitor.username))).one()
        _, secret = await create_key(session, services.settings, user, uuid.uuid4(), "a script", scope, None)
        await session.commit()
    return Visitor(visitor.http, visitor.username, {"access_token": secret})


async def make_admin(services: Services, visitor: Visitor) -> Visitor:
    """The same user, as an admin."""
    async with open_session(services.sessions) as session:
        await session.execute(update(User).where(User.username == visitor.username).values(role="admin"))
        await session.commit()
    return visitor


async def sign_up(http: httpx.AsyncClient) -> Visitor:
    """Somebody new, logged in."""
    username = f"user{next(_numbers)}"
    body = {"username": username, "email": f"{username}@example.com", "password": PASSWORD}
    answer = await http.post("/auth/signup", json=body)
    assert answer.status_code == 201, answer.text
    login = await http.post("/auth/login", json={"username_or_email": username, "password": PASSWORD})
    assert login.status_code == 200, login.text
    return Visitor(http, username, login.json())


def paths_of(answer: httpx.Response) -> list[str]:
    """The faulty fields that a problem names."""
    assert answer.headers["content-type"] == "application/problem+json"
    return [error["path"] for error in answer.json()["errors"]]
