"""`lim login`, `logout` and `whoami`, and password logins for what API keys may not do."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from services.cli.output import print_json, show
from services.cli.profile import Login, current_url, forget, keep, login_at
from services.cli.reporting import NOT_ALLOWED, reported, say
from services.cli.server import connected, given

if TYPE_CHECKING:
    from services.client import Client


def login(
    server: str | None, username: str, email: str | None, days: int, scope: str, *, export: bool, as_json: bool
) -> None:
    """Create an API key and save it in the user's config folder, or print it as environment variables.

    Args:
        server: address of the platform; None: that of the last login.
        username: username or e-mail of the account.
        email: e-mail of a new account, which is signed up first; None: the account exists.
        days: days until the key expires.
        scope: scope of the key: `read`, `write` or `admin`.
        export: print an `export` line for a shell and save nothing.
        as_json: print URL, username, key id, scope and expiry as JSON.
    """
    from services.client import Client

    url, password = current_url(server), asked_password()
    with reported(), Client(url) as client:
        if email is not None:
            client.signup(username, email, password)
            say(f"Signed up {username}.")
        client.login(username, password)
        ends = datetime.now(UTC) + timedelta(days=days)
        name = f"lim on {socket.gethostname()}"[:100]
        key = client.create_api_key(name, password, **given(scope=scope), expires_at=ends)
        secret, known = key.key or "", client.read_me().username
        client.logout()
    if export:
        typer.echo(f"export LIM_URL={shlex.quote(url)} LIM_API_KEY={shlex.quote(secret)}")
        return
    keep(Login(url, secret, key.id, known, key.expires_at.isoformat()))
    say(f"Logged in as {known} at {url} until {key.expires_at:%Y-%m-%d}.")
    if as_json:
        print_json({"url": url, "username": known, "key_id": key.id, "scope": key.scope, "expires_at": key.expires_at})


def logout(server: str | None) -> None:
    """Delete the saved key on the platform and on this machine; where no password can be had, only on this machine."""
    url = current_url(server)
    kept = login_at(url)
    if kept is None:
        say(f"Not logged in at {url}.")
        raise typer.Exit(NOT_ALLOWED)
    if not os.environ.get("LIM_PASSWORD") and not sys.stdin.isatty():
        forget(url)
        say(f"The key is forgotten here. It stays valid until {kept.expires_at[:10]}: ending it takes the password.")
        return
    from services.client import Client, NotFoundError

    with reported(), Client(url) as client:
        client.login(kept.username, asked_password())
        try:
            client.delete_api_key(kept.key_id)
        except NotFoundError:
            say("The key had ended already.")
        client.logout()
    forget(url)
    say(f"Logged out of {url}.")


def whoami(server: str | None, *, as_json: bool) -> None:
    """Print the platform's URL and the key's account."""
    with reported(), connected(server) as client:
        account = client.read_me()
        show({"url": client.base_url, **dict(account)}, as_json=as_json)


@contextmanager
def with_password(server: str | None, username: str | None = None) -> Iterator[tuple[Client, str]]:
    """Yield a client that is logged in with the password, for what API keys may not do, and the password."""
    from services.client import Client

    url = current_url(server)
    kept = login_at(url)
    name = username or (kept.username if kept else None)
    if name is None and os.environ.get("LIM_API_KEY"):
        with connected(server) as client:
            name = client.read_me().username
    if name is None:
        say(f"Not logged in at {url}: `lim login USERNAME --server {url}`, or give --user.")
        raise typer.Exit(NOT_ALLOWED)
    password = asked_password()
    with Client(url) as client:
        client.login(name, password)
        yield client, password
        client.logout()


def asked_password() -> str:
    """LIM_PASSWORD, or the password typed at a prompt."""
    given_password = os.environ.get("LIM_PASSWORD")
    if given_password:
        return given_password
    if not sys.stdin.isatty():
        say("No terminal to ask for the password; set LIM_PASSWORD.")
        raise typer.Exit(NOT_ALLOWED)
    return str(typer.prompt("Password", hide_input=True, err=True))
