"""`lim notifications`, and the client's stream behind it, against a server that is made up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from services.cli import notifications
from services.cli.main import app
from services.client import Client
from tests.unit.services.filled import answer_of


def one(seq: int) -> dict[str, Any]:
    """A notification."""
    return answer_of(
        "NotificationOut",
        id=f"id-{seq}",
        seq=seq,
        kind="job_failed",
        resource_type="job",
        name=f"job {seq}",
        status="failed",
        detail="the data cannot be learned" if seq == 2 else None,
        read_at=None,
        webhook=answer_of("WebhookStanding", status="given_up") if seq == 1 else None,
    )


class Server:
    """Streams that end after each notification, as when the life of a token is over."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, after = request.url.path.removeprefix("/api/v1"), request.headers.get("Last-Event-ID")
        self.asked.append(f"{request.method} {path}" + (f" after {after}" if after else ""))
        if path == "/notifications/events":
            if after == "3":
                raise KeyboardInterrupt
            seq = int(after or 0) + 1
            text = f"retry: 1000\n\n: still here\n\nid: {seq}\nevent: notification\ndata: {json.dumps(one(seq))}\n\n"
            return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})
        if path == "/notifications/read":
            return httpx.Response(200, json={"marked": 2})
        if request.method == "PATCH":
            return httpx.Response(200, json=one(1))
        answer = {"items": [one(2), one(1)], "total": 2, "next_cursor": None, "unread": 2, "last_seq": 1}
        return httpx.Response(200, json=answer)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server that the commands talk to."""
    server = Server()

    @contextmanager
    def connected(_: str) -> Iterator[Client]:
        with Client("http://lim.test", api_key="lim_x", transport=httpx.MockTransport(server)) as client:
            yield client

    monkeypatch.setattr(notifications, "connected", connected)
    return server


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["notifications", *arguments], env={"COLUMNS": "200"})
    return done.exit_code, done.output


def test_the_list(server: Server) -> None:
    code, output = run("list", "--unread")
    assert code == 0
    assert "job failed" in output
    assert "the data cannot be learned" in output
    assert "given_up" in output


def test_reading(server: Server) -> None:
    assert run("read", "--all") == (0, "2 marked as read.\n")
    assert run("read", "id-1", "id-2")[0] == 0
    assert server.asked[1:] == ["PATCH /notifications/id-1", "PATCH /notifications/id-2"]
    assert run("read") == (2, "Give ids, or --all.\n")


def test_watching_goes_on_behind_the_last_one(server: Server) -> None:
    code, output = run("watch")
    assert code == 130
    lines = [line for line in output.splitlines() if "job failed" in line]
    assert [line.partition("  ")[2] for line in lines] == [
        "job failed: job 2  (the data cannot be learned)",
        "job failed: job 3",
    ]
    assert server.asked[1:] == [f"GET /notifications/events after {seq}" for seq in (1, 2, 3)]


def test_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIM_API_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")
    code, output = run("list")
    assert code == 3
    assert "set LIM_API_KEY" in output
