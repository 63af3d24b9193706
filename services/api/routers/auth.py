"""Sign up, log in, refresh, log out."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from engine.errors import Fault
from services.api.body import Body
from services.api.browser_session import COOKIE_MODE, BrowserDep, BrowserSession
from services.api.dependencies import OriginDep, SessionDep, SettingsDep
from services.api.idempotency import ANONYMOUS, IdempotencyHeader, claim, fingerprint
from services.api.problems import problems
from services.auth import profile, sessions, throttle
from services.auth.accounts import authenticate, sign_up
from services.database.models import User
from services.errors import ConflictError, InvalidRequestError, UnauthenticatedError

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
    """The newest refresh token of this login."""


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
    refresh_token: str | None
    """Exchanged for the next pair of tokens; a second use after the grace (20 s, or as the operator sets) ends the login.
    Unset with `X-LIM-Session: cookie`: it is in the cookie."""
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    """Lifetime of the access token, in seconds."""

    @classmethod
    def told(cls, pair: sessions.TokenPair, response: Response, browser: BrowserSession | None) -> TokensOut:
        """Build from a pair of tokens; in a browser's session the cookie of the response has the refresh token."""
        response.headers["Cache-Control"] = "no-store"
        if browser is not None:
            response.headers["Set-Cookie"] = browser.cookie(pair.refresh_token)
        told = None if browser is not None else pair.refresh_token
        return cls(access_token=pair.access_token, refresh_token=told, expires_in=pair.expires_in)


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
    body: LoginBody,
    response: Response,
    session: SessionDep,
    settings: SettingsDep,
    origin: OriginDep,
    browser: BrowserDep,
) -> TokensOut:
    """Log in. A wrong name and a wrong password give the same answer; too many failures give 429."""
    user = await authenticate(session, settings, body.username_or_email, body.password, origin)
    pair = await sessions.open_login(session, settings, user)
    await session.commit()
    return TokensOut.told(pair, response, browser)


@router.post("/refresh", responses=problems(400, 401, 403, 413, 415, 422, 429, 503))
async def refresh(
    response: Response,
    session: SessionDep,
    settings: SettingsDep,
    origin: OriginDep,
    browser: BrowserDep,
    body: RefreshBody | None = None,
) -> TokensOut:
    """Exchange a refresh token for the next pair, or the cookie for the next cookie.

    A token that is sent again within the grace (20 s, or as the operator sets) gives the newest pair of its login, as two
    tabs of a browser need; sent again later, it ends its whole login.
    """
    await throttle.count_refresh(session, settings, origin.address)
    token = _token(body, browser)
    if token is None:
        raise UnauthenticatedError("There is no refresh cookie; log in.", code="refresh_cookie_missing")
    try:
        pair = await sessions.rotate(session, settings, token, origin)
    except UnauthenticatedError as error:
        if browser is not None:
            error.headers["Set-Cookie"] = browser.no_cookie()
        raise
    return TokensOut.told(pair, response, browser)


@router.post("/logout", status_code=204, responses=problems(400, 403, 413, 415, 422, 429, 503))
async def logout(
    response: Response,
    session: SessionDep,
    settings: SettingsDep,
    origin: OriginDep,
    browser: BrowserDep,
    body: RefreshBody | None = None,
) -> None:
    """End the login of a refresh token or of the cookie, including its access tokens and streams."""
    await throttle.count_refresh(session, settings, origin.address)
    token = _token(body, browser)
    if token is not None:
        await sessions.revoke(session, token, origin)
    if browser is not None:
        response.headers["Set-Cookie"] = browser.no_cookie()


@router.post("/reset-password", status_code=204, responses=problems(400, 401, 403, 413, 415, 422, 429, 503))
async def set_password_anew(body: ResetBody, session: SessionDep, settings: SettingsDep, origin: OriginDep) -> None:
    """Set a new password with the single-use reset token from an admin; ends every login."""
    await throttle.count_refresh(session, settings, origin.address)
    await profile.set_password_anew(session, origin, body.reset_token, body.new_password)


def _token(body: RefreshBody | None, browser: BrowserSession | None) -> str | None:
    """The refresh token of a request: from the body, or from the cookie in a browser's session; None: no cookie.

    Raises:
        InvalidRequestError: no body without a browser's session, or a body in one.
    """
    if browser is None:
        if body is None:
            raise InvalidRequestError.of(
                [Fault("", f"is missing; send refresh_token, or {COOKIE_MODE} with the cookie")]
            )
        return body.refresh_token
    if body is not None:
        raise InvalidRequestError.of(
            [Fault("refresh_token", f"comes from the cookie with {COOKIE_MODE}; send no body, or not that header")]
        )
    return browser.token
