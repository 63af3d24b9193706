"""Sessions of browsers: the refresh token is in a cookie that no script can read and that no other site can use.

A request asks for it with a header, which a form of another site cannot send, and must come from the API's own origin
(OWASP's cheat sheet on cross-site request forgery: custom headers, and verification of the origin). Without the header a
cookie is ignored (docs/adr/0059).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from fastapi import Depends, Header, Request

from services.api.dependencies import SettingsDep
from services.api.peer import hosts, is_https
from services.errors import ForbiddenError
from services.settings import Settings

HEADER: Final = "X-LIM-Session"
COOKIE_MODE: Final = f"`{HEADER}: cookie`"
PATH: Final = "/api/v1/auth"
"""The only addresses to which browsers send the cookie."""
_NAME: Final = "lim_refresh"
_SECURE_NAME: Final = f"__Secure-{_NAME}"
"""Under https. Browsers accept this name over https only, so that nobody on the network can plant another cookie."""
_PORTS: Final = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A request whose refresh token is in a cookie."""

    token: str | None
    """The refresh token; None: the browser has sent no cookie."""
    is_secure: bool
    lifetime_s: int

    @classmethod
    def of(cls, request: Request, settings: Settings) -> BrowserSession:
        """The session of a request that asks for one.

        Raises:
            ForbiddenError: it does not come from the API's own origin.
        """
        _check_origin(request, settings)
        is_secure = is_https(request.scope, settings.trust_forwarded_for)
        token = request.cookies.get(_SECURE_NAME if is_secure else _NAME)
        return cls(token or None, is_secure, settings.refresh_token_s)

    def cookie(self, refresh_token: str) -> str:
        """The value of `Set-Cookie` that keeps a refresh token."""
        return self._set(refresh_token, self.lifetime_s)

    def no_cookie(self) -> str:
        """The value of `Set-Cookie` that removes the cookie."""
        return self._set("", 0)

    def _set(self, value: str, max_age_s: int) -> str:
        name = _SECURE_NAME if self.is_secure else _NAME
        parts = [f"{name}={value}", f"Max-Age={max_age_s}", f"Path={PATH}", "HttpOnly", "SameSite=Strict"]
        return "; ".join([*parts, "Secure"] if self.is_secure else parts)


async def _browser(
    request: Request,
    settings: SettingsDep,
    mode: Annotated[
        Literal["cookie"] | None,
        Header(
            alias=HEADER,
            description="`cookie`, for web pages of the API's own origin: the refresh token is set, read and cleared as "
            f"a cookie (HttpOnly, SameSite=Strict, Path={PATH}) and in no body; 403 for other origins",
        ),
    ] = None,
) -> BrowserSession | None:
    return BrowserSession.of(request, settings) if mode == "cookie" else None


BrowserDep = Annotated[BrowserSession | None, Depends(_browser)]
"""The browser's session of a request; None: the refresh token is in bodies."""


def _check_origin(request: Request, settings: Settings) -> None:
    """Check that a browser says that the request comes from the API's own origin. Every current one says so."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None and origin is None:
        found = "neither Origin nor Sec-Fetch-Site is given"
    elif site not in (None, "same-origin"):
        found = f"Sec-Fetch-Site is {site[:40]}"
    elif origin is not None and not _is_own(origin, request, settings):
        found = f"Origin is {origin[:200]}"
    else:
        return
    raise ForbiddenError(f"{COOKIE_MODE} is for pages of the API's own origin, and {found}.", code="cross_site")


def _is_own(origin: str, request: Request, settings: Settings) -> bool:
    given = _parsed(origin)
    if given is None:
        return False
    if settings.public_url is not None and given == _parsed(settings.public_url):
        return True
    scheme, host = given
    if scheme == "http" and is_https(request.scope, settings.trust_forwarded_for):
        return False
    return host in {_without_port(name, scheme) for name in hosts(request.scope, settings.trust_forwarded_for)}


def _parsed(origin: str) -> tuple[str, str] | None:
    """Scheme and host, with a port that is not the scheme's own; None: no origin of the web, such as `null`."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.netloc:
        return None
    return parts.scheme, _without_port(parts.netloc.lower(), parts.scheme)


def _without_port(host: str, scheme: str) -> str:
    return host.removesuffix(_PORTS[scheme])
