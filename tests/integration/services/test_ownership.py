"""Every route with an id, taken from the OpenAPI document: another user gets 404, nobody gets 401."""

from __future__ import annotations

import re
import uuid
from typing import Any

import httpx

from services.api.context import Services
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor, with_key

BODIES: dict[str, Any] = {
    "PATCH /api/v1/adapters/{adapter_id}": {"name": "mine now"},
    "PATCH /api/v1/datasets/{dataset_id}": {"name": "mine now"},
    "PATCH /api/v1/jobs/{job_id}": {"name": "mine now"},
    "PATCH /api/v1/notifications/{notification_id}": {"read": True},
    "PATCH /api/v1/projects/{project_id}": {"name": "mine now"},
    "POST /api/v1/datasets/{dataset_id}/versions": {"limits": {"max_item_s": 20}},
    "POST /api/v1/jobs/{job_id}/evaluations": {},
    "POST /api/v1/sweeps/{sweep_id}/train-best": {},
    "POST /api/v1/adapters/{adapter_id}/versions": {"job_id": str(uuid.uuid4())},
    "PATCH /api/v1/models/{model_id}": {"title": "mine now"},
}


async def test_nobody_reaches_what_is_anothers(
    services: Services, http: httpx.AsyncClient, ada: Visitor, bob: Visitor
) -> None:
    await with_key(services, ada)
    ids = {
        "dataset_id": str(await rows.ready_dataset(services, ada)),
        "job_id": str(await rows.job(services, ada)),
        "sweep_id": str(await rows.job(services, ada, type="sweep")),
        "item": "one",
        "pipeline_id": await _pipeline(services, ada),
        "project_id": (await ada.post("/projects", json={"name": "p"})).json()["id"],
        "adapter_id": (await ada.post("/adapters", json={"name": "a"})).json()["id"],
        "number": "1",
        "user_id": str(await rows.user_id(ada)),
        "kind": "jobs",
        "thing_id": str(uuid.uuid4()),
        "model_id": "nobodys-model",  # those in the catalogue are everybody's to read
        "notification_id": await _notification(services, ada),
        "key_id": (await ada.get("/users/me/api-keys")).json()["items"][0]["id"],
    }
    document = (await http.get("http://test/openapi.json")).json()
    checked = []
    for path, operations in document["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        if not names or path.startswith("/api/v1/schemas/"):  # schemas belong to no user
            continue
        address = "http://test" + path.format(**ids) + ("?a=1&b=1" if path.endswith("/compare") else "")
        for method in operations:
            verb = method.upper()
            named = f"{verb} {path}"
            body = {"json": BODIES[named]} if named in BODIES else {}
            theirs = await bob.call(verb, address, **body)
            hidden = 403 if operations[method]["x-access"] == "admin" else 404
            assert theirs.status_code == hidden, f"{named} as another user: {theirs.status_code} {theirs.text}"
            assert theirs.headers["content-type"] == "application/problem+json"
            nobody = await http.request(verb, address, **body)
            assert nobody.status_code == 401, f"{named} as nobody: {nobody.status_code}"
            checked.append(named)
    assert len(checked) >= 15, checked
    assert (await ada.get(f"/datasets/{ids['dataset_id']}")).json()["name"] == "digits"
    assert (await ada.get(f"/jobs/{ids['job_id']}")).json()["status"] == "running"
    assert (await ada.get("/users/me/api-keys")).json()["items"][0]["id"] == ids["key_id"]


async def _notification(services: Services, visitor: Visitor) -> str:
    job_id = await rows.job(services, visitor, "queued")
    assert (await visitor.post(f"/jobs/{job_id}/stop")).status_code == 202
    [notification] = (await visitor.get("/notifications")).json()["items"]
    notification_id: str = notification["id"]
    return notification_id


async def _pipeline(services: Services, visitor: Visitor) -> str:
    dataset_id = str(await rows.ready_dataset(services, visitor))
    body = {"name": "p", "dataset_id": dataset_id, "model_id": "whisper-pico", "config": rows.CONFIG}
    pipeline_id: str = (await visitor.post("/pipelines", json=body)).json()["id"]
    return pipeline_id


async def test_lists_hold_only_ones_own(services: Services, ada: Visitor, bob: Visitor) -> None:
    await rows.job(services, ada)
    assert (await ada.get("/jobs")).json()["total"] == 1
    assert (await ada.get("/datasets")).json()["total"] == 1
    for path in ("/jobs", "/datasets", "/sweeps"):
        assert (await bob.get(path)).json() == {"items": [], "total": 0, "next_cursor": None}


async def test_a_job_on_anothers_dataset_is_refused(services: Services, ada: Visitor, bob: Visitor) -> None:
    dataset_id = await rows.ready_dataset(services, ada)
    body = {"model_id": "whisper-pico", "dataset_id": str(dataset_id), "config": rows.CONFIG}
    assert (await bob.post("/jobs", json=body)).status_code == 404
    assert (await ada.post("/jobs", json=body)).status_code == 201


async def test_a_key_of_ones_own_does_not_open_anothers_resource(
    services: Services, ada: Visitor, bob: Visitor
) -> None:
    body = {"name": "mine", "source": {"type": "upload", "files": [{"name": "a.zip", "size": 1}]}}
    headers = {"Idempotency-Key": "same-key"}
    first = await ada.post("/datasets", json=body, headers=headers)
    second = await bob.post("/datasets", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["dataset"]["id"] != second.json()["dataset"]["id"]
