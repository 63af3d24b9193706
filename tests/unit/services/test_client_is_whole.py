"""Every operation of the OpenAPI document has a method of the client, and every method calls an operation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.client import Artifact, Client, Upload

DOCUMENT = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text())
FILE = Upload(name="a.zip", method="PUT", url="http://store.test/a", headers={})
ARTIFACT = Artifact(name="adapter/a", kind="adapter", size=0, sha256="", url="http://store.test/a")
HERE = Path(__file__)

CALLS: dict[str, Callable[[Client], Any]] = {
    "signup": lambda c: c.signup("ada", "ada@example.com", "secret"),
    "login": lambda c: c.login("ada", "secret"),
    "logout": lambda c: c.logout(),
    "me": lambda c: c.me(),
    "change_me": lambda c: c.change_me(username="ada-l"),
    "set_password": lambda c: c.set_password("old", "new"),
    "audit": lambda c: c.audit(),
    "api_keys": lambda c: c.api_keys(),
    "create_api_key": lambda c: c.create_api_key("script", "correct horse battery"),
    "delete_api_key": lambda c: c.delete_api_key("x"),
    "create_dataset": lambda c: c.create_dataset("digits", {"a.zip": 1}),
    "create_dataset_from": lambda c: c.create_dataset_from("digits", {"type": "url", "url": "https://example.org/a"}),
    "upload_file": lambda c: c.upload_file(FILE, HERE),
    "complete_dataset": lambda c: c.complete_dataset("x"),
    "dataset": lambda c: c.dataset("x"),
    "datasets": lambda c: c.datasets(),
    "change_dataset": lambda c: c.change_dataset("x", name="y"),
    "delete_dataset": lambda c: c.delete_dataset("x"),
    "dataset_report": lambda c: c.dataset_report("x"),
    "dataset_preview": lambda c: c.dataset_preview("x"),
    "dataset_versions": lambda c: c.dataset_versions("x"),
    "dataset_version": lambda c: c.dataset_version("x", 2),
    "revise_dataset": lambda c: c.revise_dataset("x", {"limits": {"max_item_s": 40}}),
    "delete_dataset_version": lambda c: c.delete_dataset_version("x", 2),
    "dataset_items": lambda c: c.dataset_items("x", 2, finding="clipped"),
    "wait_for_dataset_version": lambda c: c.wait_for_dataset_version("x", 2),
    "item_audio": lambda c: c.item_audio("x", "one"),
    "wait_for_dataset": lambda c: c.wait_for_dataset("x"),
    "upload_dataset": lambda c: c.upload_dataset("digits", HERE),
    "projects": lambda c: c.projects(),
    "project": lambda c: c.project("x"),
    "create_project": lambda c: c.create_project("p"),
    "change_project": lambda c: c.change_project("x", name="q"),
    "delete_project": lambda c: c.delete_project("x"),
    "adapters": lambda c: c.adapters(),
    "adapter": lambda c: c.adapter("x"),
    "create_adapter": lambda c: c.create_adapter("a"),
    "change_adapter": lambda c: c.change_adapter("x", name="b"),
    "delete_adapter": lambda c: c.delete_adapter("x"),
    "add_adapter_version": lambda c: c.add_adapter_version("x", "j"),
    "adapter_versions": lambda c: c.adapter_versions("x"),
    "adapter_version": lambda c: c.adapter_version("x", 1),
    "compare_adapter_versions": lambda c: c.compare_adapter_versions("x", 1, 2),
    "models": lambda c: c.models(),
    "model": lambda c: c.model("m"),
    "add_model": lambda c: c.add_model({"id": "m"}),
    "change_model": lambda c: c.change_model("m", title="M"),
    "retire_model": lambda c: c.retire_model("m"),
    "estimate": lambda c: c.estimate("m", {}),
    "create_job": lambda c: c.create_job("m", "x", {}),
    "create_selection": lambda c: c.create_selection("m", "x", {}),
    "create_evaluation": lambda c: c.create_evaluation("x"),
    "job": lambda c: c.job("x"),
    "jobs": lambda c: c.jobs(),
    "change_job": lambda c: c.change_job("x", name="y"),
    "stop_job": lambda c: c.stop_job("x"),
    "resume_job": lambda c: c.resume_job("x"),
    "events": lambda c: list(c.events("x")),
    "metrics": lambda c: c.metrics("x"),
    "logs": lambda c: c.logs("x"),
    "artifacts": lambda c: c.artifacts("x"),
    "create_pipeline": lambda c: c.create_pipeline({"name": "p"}, "x"),
    "pipeline": lambda c: c.pipeline("x"),
    "pipelines": lambda c: c.pipelines(),
    "stop_pipeline": lambda c: c.stop_pipeline("x"),
    "resume_pipeline": lambda c: c.resume_pipeline("x"),
    "notifications": lambda c: c.notifications(unread=True),
    "notification": lambda c: c.notification("x"),
    "notification_standing": lambda c: c.notification_standing(),
    "mark_notification": lambda c: c.mark_notification("x"),
    "read_notifications": lambda c: c.read_notifications(up_to=3),
    "delete_notification": lambda c: c.delete_notification("x"),
    "follow_notifications": lambda c: list(c.follow_notifications(for_s=0.0)),
    "notification_settings": lambda c: c.notification_settings(),
    "choose_notifications": lambda c: c.choose_notifications(["job_failed"]),
    "set_webhook": lambda c: c.set_webhook("https://hooks.example.org"),
    "remove_webhook": lambda c: c.remove_webhook(),
    "nodes": lambda c: c.nodes(),
    "selection_schema": lambda c: c.selection_schema(),
    "training_schema": lambda c: c.training_schema(),
    "alive": lambda c: c.alive(),
    "ready": lambda c: c.ready(),
}
"""By method; those that write files are tested where they write them."""
ELSEWHERE = {"close", "download_adapter", "download_artifact"}

ANSWER: dict[str, Any] = {
    **dict.fromkeys(("id", "name", "username", "email", "access_token", "refresh_token", "job_id", "start"), "x"),
    **dict.fromkeys(("dataset_id", "model_id", "url", "kind", "sha256", "resource_type", "resource_id", "secret"), "x"),
    **dict.fromkeys(("seq", "unread", "last_seq", "marked"), 3),
    "created_at": "2026-01-01T00:00:00Z",
    **dict.fromkeys(("expires_in", "number", "size"), 900),
    **{name: {} for name in ("memory", "time", "cost")},
    **{name: [] for name in ("items", "devices", "differences", "uploads")},
    "status": "succeeded",
}


class Server:
    """Answers everything with all that a client could look for, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: set[tuple[str, str]] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.add((request.method.lower(), request.url.path))
        if request.url.path.endswith("/events"):
            return httpx.Response(200, text="")
        ready = {"status": "ready"} if request.url.path.startswith("/api/v1/datasets") else {}
        return httpx.Response(200, json=ANSWER | ready | {"dataset": ANSWER | ready})


@pytest.fixture(scope="module")
def asked() -> dict[str, set[tuple[str, str]]]:
    """What each method asked for."""
    found = {}
    for name, call in CALLS.items():
        server = Server()
        with Client("http://lim.test", transport=httpx.MockTransport(server)) as client:
            if name not in {"signup", "login"}:
                client.login("ada", "secret")
                server.asked.clear()
            if name == "me":  # a token that has run out is renewed
                client._renew_at = 0.0
            call(client)
        found[name] = server.asked
    return found


def operation(method: str, path: str) -> tuple[str, str] | None:
    """The operation that a request was for: the one with the fewest parameters that its path fits."""
    fitting = [
        template
        for template, operations in DOCUMENT["paths"].items()
        if method in operations and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path)
    ]
    return (method, min(fitting, key=lambda template: template.count("{"))) if fitting else None


def test_every_method_is_called_here() -> None:
    public = {name for name in dir(Client) if not name.startswith("_") and callable(getattr(Client, name))}
    assert public == CALLS.keys() | ELSEWHERE


def test_every_method_calls_an_operation(asked: dict[str, set[tuple[str, str]]]) -> None:
    for name, requests in asked.items():
        ours = {(method, path) for method, path in requests if path != "/a"}  # the object store's
        assert all(operation(method, path) for method, path in ours), f"{name} calls {ours}"


def test_every_operation_has_a_method(asked: dict[str, set[tuple[str, str]]]) -> None:
    called = {operation(method, path) for requests in asked.values() for method, path in requests}
    there = {(method, template) for template, operations in DOCUMENT["paths"].items() for method in operations}
    assert there - called == set()
