"""What a client is told where Serve's proxy has no answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from cluster.local_ray import SERVE
from cluster.serve_proxy import layers


def client_of(app: ASGIApp) -> TestClient:
    """A client of an application with the layers around it."""
    for layer in layers():
        app = layer.cls(app, *layer.args, **layer.kwargs)
    return TestClient(app)


async def lost(scope: Scope, receive: Receive, send: Send) -> None:
    """What Serve's proxy does when a replica dies: nothing, after it has named the request."""
    scope["headers"].append((b"x-request-id", b"one"))


async def without_replicas(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve's own words."""
    await PlainTextResponse("Deployment is unavailable", 503)(scope, receive, send)


@pytest.mark.parametrize(("app", "name"), [(lost, "one"), (without_replicas, "-")])
def test_a_request_that_was_lost_may_come_again(app: ASGIApp, name: str) -> None:
    answer = client_of(app).post("/api/v1/projects", json={})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == name
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["correlation_id"]) == (503, "unavailable", name)
    assert problem["detail"] == "The API lost the request on its way; try again."


@pytest.mark.parametrize(
    "make",
    [
        lambda: Response(b"{}", 503, {"Retry-After": "5"}, "application/problem+json"),
        lambda: PlainTextResponse("gone", 404),
        lambda: StreamingResponse(iter([b"data: 1\n\n", b"data: 2\n\n"]), media_type="text/event-stream"),
    ],
)
def test_what_the_api_answers_is_passed_on(make: Callable[[], Response]) -> None:
    plain, through = TestClient(make()).get("/x"), client_of(make()).get("/x")
    assert (plain.status_code, plain.content, plain.headers) == (through.status_code, through.content, through.headers)


def test_the_pages_of_serve_stay_its_own() -> None:
    assert client_of(without_replicas).get("/-/healthz").text == "Deployment is unavailable"


def test_ray_finds_the_layers() -> None:
    assert SERVE["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"] == f"{layers.__module__}.{layers.__name__}"
