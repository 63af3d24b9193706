"""The client: every operation of the API, and uploads, downloads and event streams that take several requests."""

from __future__ import annotations

from .downloads import Downloads
from .errors import ClientError
from .generated import models
from .uploads import Uploads
from .watching import Watching


class Client(Uploads, Downloads, Watching):
    """One user's connection to a platform; use as a context manager."""

    def login(self, username_or_email: str, password: str) -> models.TokensOut:
        """Make later calls as this user; an API key that was given is no longer used.

        Raises:
            UnauthenticatedError: no such user, or a wrong password.
            ThrottledError: too many attempts.
        """
        tokens = super().login(username_or_email, password)
        self._api_key = None
        self._keep(tokens.model_dump())
        return tokens

    def logout(self, refresh_token: str | None = None) -> None:
        """Revoke a refresh token, by default this client's own, which logs the client out."""
        own = self._tokens
        if refresh_token is None and own is None:
            raise ClientError("not logged in with a password; delete_api_key() revokes an API key")
        super().logout(refresh_token or (own or {})["refresh_token"])
        if refresh_token is None:
            self._keep(None)

    def is_alive(self) -> bool:
        """Whether a platform answers at the address; says nothing about its dependencies."""
        try:
            self.healthz()
        except ClientError:
            return False
        return True
