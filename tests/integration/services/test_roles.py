"""`lim users` on a real database: who is there, and who becomes an admin."""

from __future__ import annotations

import asyncio

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.settings import Settings
from tests.integration.services.visitors import Visitor


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Runs the command on the tests' database."""
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    return CliRunner()


async def test_somebody_becomes_an_admin_and_it_is_in_the_trail(run: CliRunner, ada: Visitor) -> None:
    assert (await ada.get("/users/me")).json()["role"] == "user"
    done = await asyncio.to_thread(run.invoke, app, ["users", "set-role", ada.username.upper(), "admin"])
    assert done.exit_code == 0, done.output
    assert (await ada.get("/users/me")).json()["role"] == "admin"
    event = (await ada.get("/users/me/audit")).json()["items"][0]
    assert (event["action"], event["data"]) == ("role_changed", {"role": "admin"})
    listed = await asyncio.to_thread(run.invoke, app, ["users", "list"])
    assert ada.username in listed.output
    back = await asyncio.to_thread(run.invoke, app, ["users", "set-role", f"{ada.username}@example.com", "user"])
    assert back.exit_code == 0, back.output
    assert (await ada.get("/users/me")).json()["role"] == "user"


async def test_a_name_that_nobody_has_is_told(run: CliRunner) -> None:
    done = await asyncio.to_thread(run.invoke, app, ["users", "set-role", "nobody-has-this", "admin"])
    assert done.exit_code == 2
    assert "no account is named 'nobody-has-this'" in done.output
