"""Sign up, log in, refresh, log out."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.api.body import Body
from services.api.dependencies import OriginDep, SessionDep, SettingsDep
from services.api.idempotency import ANONYMOUS, IdempotencyHeader, claim, fingerprint
from services.api.problems import problems
from services.auth import profile, sessions, throttle
from services.auth.accounts import authenticate, sign_up
from services.database.models import User
from services.errors import ConflictError

router = APIRouter(prefix="/auth", tags=["auth"])

# services.auth.rules checks the actual rules together; these types only bound the size of the input.
Name = Annotated[str, Field(max_length=1000)]
Password = Annotated[str, Field(max_length=1000)]
Role = Literal["user", "admin"]
Token = Annotated[str, Field(min_length=1, max_length=4000)]


class SignUpBody(Body):
    """A new account."""

    username: Name
    """3 to 39 letters, digits, dots, dashes and underscores; `Ada` and `ada` are the same name."""
    email: Name
    """An e-mail address that has no account yet."""
    password: Password
    """10 to 256 characters, without the username."""


class LoginBody(Body):
    """Credentials of a login."""

    username_or_email: Name
    """The username or the e-mail address."""
    password: Password
    """The password."""


class RefreshBody(Body):
    """A refresh token."""

    refresh_token: Token
    """The newest refresh token of this login; each is used once."""


class ResetBody(Body):
    """A new password, set with a reset token."""

    reset_token: Token
    """The reset token from an admin."""
    new_password: Password
    """10 to 256 characters, without the username."""


class UserOut(BaseModel):
    """An account."""

    id: uuid.UUID
    username: str
    email: str
    role: Role
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> UserOut:
        """Build from a row."""
        role = cast(Role, user.role)  # the table's check constraint guarantees it
        return cls(id=user.id, username=user.username, email=user.email, role=role, created_at=user.created_at)


class TokensOut(BaseModel):
    """The tokens of a login."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    access_token: str
    """For the header `Authorization: Bearer ...`."""
    refresh_token: str
    """Exchanged once for the next pair of tokens; a second use ends the login."""
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    """Lifetime of the access token, in seconds."""

    @classmethod
    def of(cls, pair: sessions.TokenPair) -> TokensOut:
        """Build from a pair of tokens."""
        return cls(access_token=pair.access_token, refresh_token=pair.refresh_token, expires_in=pair.expires_in)


@router.post("/signup", status_code=201, responses=problems(400, 409, 413, 415, 422, 429, 503))
async def signup(
    body: SignUpBody,
    request: Request,
    session: SessionDep,
    settings: SettingsDep,
    origin: OriginDep,
    idempotency_key: IdempotencyHeader = None,
) -> UserOut:
    """Create an account. Reports all faults of the three fields together."""
    await throttle.count_sign_up(session, settings, origin.address)
    user_id = uuid.uuid4()
    call = fingerprint(settings, request, body.model_dump())
    earlier = await claim(session, ANONYMOUS, idempotency_key, call, user_id)
    if earlier is not None:
        known = await session.get(User, earlier)
        if known is None:
            raise ConflictError("The account that this call made is gone.", code="account_gone")
        return UserOut.of(known)
    user = await sign_up(session, user_id, body.username, body.email, body.password, origin)
    await session.commit()
    return UserOut.of(user)


@router.post("/login", responses=problems(400, 401, 403, 413, 415, 422, 429, 503))
async def login(
    body: LoginBody, response: Response, session: SessionDep, settings: SettingsDep, origin: OriginDep
) -> TokensOut:
    """Log in. A wrong name and a wrong password give the same answer; too many failures give 429."""
    user = await authenticate(session, settings, body.username_or_email, body.password, origin)
    pair = await sessions.open_login(session, settings, user)
    await session.commit()
    response.headers["Cache-Control"] = "no-store"
    return TokensOut.of(pair)


@router.post("/refresh", responses=problems(400, 401, 413, 415, 422, 429, 503))
async def refresh(
    body: RefreshBody, response: Response, session: SessionDep, settings: SettingsDep, origin: OriginDep
) -> TokensOut:
    """Exchange a refresh token for a new pair. A token that was used before ends its whole login."""
    await throttle.count_refresh(session, settings, origin.address)
    pair = await sessions.rotate(session, settings, body.refresh_token, origin)
    response.headers["Cache-Control"] = "no-store"
    return TokensOut.of(pair)


@router.post("/logout", status_code=204, responses=problems(400, 413, 415, 422, 429, 503))
async def logout(body: RefreshBody, session: SessionDep, settings: SettingsDep, origin: OriginDep) -> None:
    """End the login of a refresh token, including its access tokens."""
    await throttle.count_refresh(session, settings, origin.address)
    await sessions.revoke(session, body.refresh_token, origin)


@router.post("/reset-password", status_code=204, responses=problems(400, 401, 403, 413, 415, 422, 429, 503))
async def set_password_anew(body: ResetBody, session: SessionDep, settings: SettingsDep, origin: OriginDep) -> None:
    """Set a new password with the single-use reset token from an admin; ends every login."""
    await throttle.count_refresh(session, settings, origin.address)
    await profile.set_password_anew(session, origin, body.reset_token, body.new_password)
