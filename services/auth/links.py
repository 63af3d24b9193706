"""Signed links: addresses that a browser can open without a header, such as the source of an audio element."""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Mapping
from typing import Final

from services.errors import UnauthenticatedError
from services.settings import Settings

LIFE_S: Final = 3600
"""A link is valid for one to two times this, in seconds, and stays the same for so long that browsers can cache it."""
_PURPOSE: Final = b"signed link"


def sign_link(settings: Settings, user_id: uuid.UUID, target: str) -> Mapping[str, str]:
    """Query parameters with which a user may read `target`."""
    expires_s = (int(time.time()) // LIFE_S + 2) * LIFE_S
    return {
        "user": str(user_id),
        "expires": str(expires_s),
        "signature": _signature(settings, user_id, target, expires_s),
    }


def check_link(settings: Settings, user_id: uuid.UUID, target: str, expires_s: int, signature: str) -> None:
    """Check the query parameters of a link.

    Raises:
        UnauthenticatedError: forged, for something else, or expired.
    """
    expected = _signature(settings, user_id, target, expires_s)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
        raise UnauthenticatedError("The link is not valid; read the list that it comes from.", code="link_invalid")
    if expires_s <= time.time():
        raise UnauthenticatedError("The link has expired; read the list that it comes from again.", code="link_expired")


def _signature(settings: Settings, user_id: uuid.UUID, target: str, expires_s: int) -> str:
    key = hmac.digest(settings.secret_key.get_secret_value().encode(), _PURPOSE, "sha256")
    told = f"{user_id}\n{expires_s}\n{target}".encode("utf-8", "surrogatepass")
    return hmac.new(key, told, hashlib.sha256).hexdigest()
