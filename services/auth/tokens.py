"""Access tokens (JWT, short-lived, signed) and refresh tokens (random, kept only as a hash)."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt

from services.errors import UnauthenticatedError
from services.settings import Settings

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "less-is-more"
_REFRESH_PREFIX: Final = "limr_"
_SUCCESSOR: Final = b"successor of a refresh token\n"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """User and login of an access token."""

    user_id: uuid.UUID
    session_id: uuid.UUID


def issue_access_token(settings: Settings, claims: AccessClaims) -> str:
    """A signed access token that expires after `settings.access_token_s`."""
    now = datetime.now(UTC)
    payload = {
        "iss": _ISSUER,
        "sub": str(claims.user_id),
        "sid": str(claims.session_id),
        "iat": now,
        "exp": now + timedelta(seconds=settings.access_token_s),
    }
    return jwt.encode(payload, settings.secret_key.get_secret_value(), algorithm=_ALGORITHM)


def read_access_token(settings: Settings, token: str) -> AccessClaims:
    """The claims of a valid access token.

    Raises:
        UnauthenticatedError: forged, damaged or expired.
    """
    try:
        claims, expires_at_s = _verified(settings.secret_key.get_secret_value(), token)
        if expires_at_s <= time.time():
            raise jwt.ExpiredSignatureError
        return claims
    except jwt.ExpiredSignatureError:
        raise UnauthenticatedError("The access token has expired; refresh it.", code="token_expired") from None
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        raise UnauthenticatedError("The access token is not valid; log in again.", code="token_invalid") from None


@functools.lru_cache(maxsize=4096)  # a client sends the same token with every request; only its age changes
def _verified(secret: str, token: str) -> tuple[AccessClaims, float]:
    """The claims of a token signed with this secret, and its expiry, in seconds since 1970."""
    payload = jwt.decode(
        token,
        secret,
        algorithms=[_ALGORITHM],
        issuer=_ISSUER,
        options={"require": ["exp", "iat", "sub", "sid", "iss"]},
    )
    return AccessClaims(uuid.UUID(payload["sub"]), uuid.UUID(payload["sid"])), float(payload["exp"])


def new_refresh_token() -> str:
    """A refresh token with 256 random bits."""
    return _REFRESH_PREFIX + secrets.token_urlsafe(32)


def successor_of(settings: Settings, refresh_token: str) -> str:
    """The refresh token that replaces this one.

    It is derived with the platform's secret, so that exchanging a token twice gives one successor, not two: the tokens
    of a login are a chain that cannot fork.
    """
    key = settings.secret_key.get_secret_value().encode()
    digest = hmac.digest(key, _SUCCESSOR + refresh_token.encode("utf-8", "surrogatepass"), "sha256")
    return _REFRESH_PREFIX + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def hash_token(token: str) -> str:
    """Hash under which a token is stored. Tokens are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
