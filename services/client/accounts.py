"""Calls about accounts."""

from __future__ import annotations

from typing import Any

from services.client.answers import Account, ApiKey, Tokens
from services.client.connection import Connection, given


class AccountCalls(Connection):
    """Who one is."""

    def signup(self, username: str, email: str, password: str) -> Account:
        """Make an account."""
        body = {"username": username, "email": email, "password": password}
        return self._answer(Account, self._call("POST", "/auth/signup", body=body, signed=False))

    def login(self, username_or_email: str, password: str) -> None:
        """Log in; later calls are made in this user's name."""
        body = {"username_or_email": username_or_email, "password": password}
        self._keep(self._answer(Tokens, self._call("POST", "/auth/login", body=body, signed=False)))

    def logout(self) -> None:
        """Revoke the refresh token; the client forgets who it was."""
        if self._tokens is not None:
            self._call("POST", "/auth/logout", body={"refresh_token": self._tokens.refresh_token})
            self._tokens = None

    def me(self) -> Account:
        """The user in whose name calls are made."""
        return self._answer(Account, self._call("GET", "/users/me"))

    def change_me(self, **changes: str) -> Account:
        """Change `username` or, with `current_password`, `email`."""
        return self._answer(Account, self._call("PATCH", "/users/me", body=changes))

    def set_password(self, current_password: str, new_password: str) -> None:
        """Change the password; every other login ends."""
        body = {"current_password": current_password, "new_password": new_password}
        self._call("POST", "/users/me/password", body=body)

    def audit(self) -> list[dict[str, Any]]:
        """What concerned the account's security, newest first."""
        return list(self._items("/users/me/audit"))

    def api_keys(self) -> list[ApiKey]:
        """The account's keys, without the keys themselves."""
        return [self._answer(ApiKey, item) for item in self._items("/users/me/api-keys")]

    def create_api_key(
        self, name: str, password: str, *, scope: str = "write", expires_at: str | None = None
    ) -> ApiKey:
        """Make a key for a program; `key` is shown now and never again.

        Args:
            name: for people.
            password: of the account.
            scope: `read`, `write` or, for admins, `admin`.
            expires_at: RFC 3339; None: after the platform's default, 90 days unless its operator changed that.
        """
        body = {"name": name, "current_password": password, "scope": scope} | given(expires_at=expires_at)
        return self._answer(ApiKey, self._call("POST", "/users/me/api-keys", body=body))

    def delete_api_key(self, key_id: str) -> None:
        """End a key."""
        self._call("DELETE", f"/users/me/api-keys/{key_id}")
