"""`lim` against the real application and database: what docs/guide/story.sh does not touch."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from cluster.ports import free_port
from services.api.context import Services
from services.cli.main import app as lim_app
from tests.integration.services import rows
from tests.integration.services.test_client_streams import served
from tests.integration.services.visitors import Visitor

PASSWORD = "a sentence that nobody would guess"


class Lim:
    """Runs `lim` in a thread, while the application answers in the loop."""

    async def __call__(self, *arguments: object, status: int = 0) -> Result:
        words = [str(each) for each in arguments]
        done = await asyncio.to_thread(CliRunner().invoke, lim_app, words)
        assert done.exit_code == status, f"{words}: {done.output}"
        assert "Traceback" not in done.output
        return done

    async def json(self, *arguments: object) -> Any:
        """What it prints as JSON."""
        return json.loads((await self(*arguments, "--json")).stdout)


@pytest.fixture
async def lim(app: FastAPI, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lim]:
    app.state.services = services
    port = free_port()
    for name in ("LIM_API_KEY", "LIM_SERVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIM_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("LIM_PASSWORD", PASSWORD)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    async with served(app, port):
        yield Lim()


@pytest.fixture
async def grace(lim: Lim) -> Lim:
    """Somebody who has just signed up by `lim login`."""
    name = f"grace{free_port()}"
    await lim("login", name, "--signup", f"{name}@example.org")
    return lim


async def test_projects_and_adapters(grace: Lim) -> None:
    project = (await grace("projects", "create", "digits", "--description", "one")).stdout.strip()
    assert (await grace.json("projects", "list"))["total"] == 1
    assert (await grace.json("projects", "show", "digits"))["id"] == project
    assert (await grace.json("projects", "change", project[:8], "--name", "numbers"))["description"] == "one"
    await grace("adapters", "create", "mine", "--project", "numbers")
    assert (await grace.json("adapters", "list", "--project", "numbers"))["items"][0]["project_id"] == project
    assert (await grace.json("adapters", "change", "mine", "--project", ""))["project_id"] is None
    nothing = await grace("adapters", "download", "mine", "somewhere", status=2)
    assert "lim adapters add-version" in nothing.stderr
    refused = await grace("adapters", "add-version", "mine", "no-such-job", status=2)
    assert "There is no job 'no-such-job'" in refused.stderr
    await grace("adapters", "delete", "mine", "--yes")
    await grace("projects", "delete", "numbers", "--yes")
    assert (await grace.json("projects", "list")) == {"items": [], "total": 0}


async def test_keys_and_the_account(grace: Lim, monkeypatch: pytest.MonkeyPatch) -> None:
    key = (await grace("keys", "create", "script", "--scope", "read", "--days", 3)).stdout.strip()
    assert next(each["name"] for each in (await grace.json("keys", "list"))["items"]) == "script"
    monkeypatch.setenv("LIM_API_KEY", key)
    assert (await grace.json("whoami"))["role"] == "user"
    refused = await grace("projects", "create", "x", status=3)  # the key only reads
    assert "read" in refused.stderr
    monkeypatch.delenv("LIM_API_KEY")
    await grace("keys", "delete", "script", "--yes")
    monkeypatch.setenv("LIM_API_KEY", key)
    assert "unknown, deleted or expired" in (await grace("whoami", status=3)).stderr
    monkeypatch.delenv("LIM_API_KEY")

    email = f"other{free_port()}@example.org"
    assert (await grace.json("account", "change", "--email", email))["email"] == email
    actions = {each["action"] for each in (await grace.json("account", "audit"))["items"]}
    assert {"logged_in", "api_key_created", "api_key_deleted"} <= actions
    await grace("account", "notify", "--only", "job_failed")
    assert (await grace.json("account", "notify"))["kinds"] == ["job_failed"]
    assert (await grace.json("account", "notify", "--all"))["kinds"] is None
    monkeypatch.setenv("LIM_NEW_PASSWORD", "another sentence that nobody knows")
    await grace("account", "password")
    await grace("keys", "list", status=3)  # LIM_PASSWORD is the old one
    monkeypatch.setenv("LIM_PASSWORD", "another sentence that nobody knows")
    await grace("keys", "list")


async def test_jobs_and_datasets(
    lim: Lim, services: Services, ada: Visitor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIM_API_KEY", ada.tokens["access_token"])
    dataset_id = await rows.ready_dataset(services, ada, "speech")
    await rows.ready_dataset(services, ada, "twice")
    await rows.ready_dataset(services, ada, "twice")
    twice = await lim("datasets", "show", "twice", status=2)
    assert "'twice' is the name of 2 datasets; give the id of one:" in twice.stderr
    job = (await lim("jobs", "launch", "--dataset", "speech", "--name", "first", "--detach")).stdout.strip()
    shown = await lim.json("jobs", "show", job[:8])
    assert (shown["dataset_id"], shown["name"], shown["status"]) == (str(dataset_id), "first", "queued")
    changed = await lim.json("jobs", "change", "first", "--name", "second", "--budget", "wall_s=60")
    assert (changed["name"], changed["budget"]["wall_s"]) == ("second", 60)
    assert (await lim.json("jobs", "list", "--status", "queued", "--search", "seco"))["total"] == 1
    assert (await lim.json("jobs", "stop", "second"))["status"] == "stopped"
    assert (await lim("jobs", "follow", "second", status=1)).stderr.strip().endswith(": stopped.")
    nothing = await lim("jobs", "download", "second", tmp_path, status=1)
    assert "lim jobs artifacts second" in nothing.stderr
    faulty = await lim("jobs", "launch", "--dataset", "speech", "--set", "max_steps=-1", "--set", "x=1", status=2)
    assert "config.max_steps: " in faulty.stderr
    assert "config.x: " in faulty.stderr
    estimated = await lim.json("jobs", "estimate", "--dataset", "speech", "--set", "max_steps=50")
    assert sum(estimated["memory"]["parts"].values()) > 0
    assert (await lim.json("models", "list"))["total"] > 3
    assert (await lim.json("models", "show", "whisper-pico"))["family"] == "whisper"
    assert (await lim("models", "retire", "whisper-pico", "--yes", status=3)).stdout == ""
    assert (await lim.json("notifications", "list"))["items"][0]["kind"] == "job_stopped"
    assert (await lim.json("notifications", "read", "--all")) == {"marked": 1}
    bundle = await lim.json("jobs", "bundle", "second", tmp_path / "second.zip")
    assert bundle["size"] == (tmp_path / "second.zip").stat().st_size
    assert zipfile.ZipFile(tmp_path / "second.zip").testzip() is None
    used = await lim.json("account", "usage")
    assert used["storage"]["used_bytes"] > 0
    assert (await lim.json("jobs", "delete", "second", "--yes"))["deleted"] == [job]
    assert (await lim.json("jobs", "list"))["total"] == 0
    changed = await lim.json("datasets", "change", "speech", "--description", "d")
    assert changed["description"] == "d"
    assert (await lim.json("datasets", "delete", "speech", "--yes"))["deleted"] == [str(dataset_id)]
    unknown = await lim("datasets", "fetch", "ftp://example.org/x.zip", "--name", "x", status=2)
    assert "source.url" in unknown.stderr
