"""`lim login`: an API key for this shell, from a platform that runs somewhere."""

from __future__ import annotations

import os
import shlex
import socket
from datetime import UTC, datetime, timedelta

import typer

from services.cli.reporting import reported, say
from services.cli.server import given


def login(server: str, username: str, email: str | None, days: int, scope: str) -> None:
    """Print the variables with which further commands find the platform and are let in.

    Args:
        server: address of the platform.
        username: or e-mail, of the account.
        email: of a new account, which is signed up first.
        days: until the key ends.
        scope: of the key: `read`, `write` or `admin`.
    """
    from services.client import Client

    password = os.environ.get("LIM_PASSWORD") or typer.prompt("Password", hide_input=True, err=True)
    with reported(), Client(server) as client:
        if email is not None:
            client.signup(username, email, password)
            say(f"Signed up {username}.")
        client.login(username, password)
        ends = datetime.now(UTC) + timedelta(days=days)
        key = client.create_api_key(
            f"lim on {socket.gethostname()}"[:100], password, **given(scope=scope), expires_at=ends
        )
        client.logout()
    say(f"The key {key.start}... is good until {ends:%Y-%m-%d}; DELETE /users/me/api-keys/{key.id} ends it sooner.")
    typer.echo(f"export LIM_SERVER={shlex.quote(server)} LIM_API_KEY={shlex.quote(key.key or '')}")
