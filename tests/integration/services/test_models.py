"""The catalogue: read by everybody, kept by admins, brought up to date by the software."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import update

from cluster.storage.run_store import S3RunStore
from engine.models.catalogue import load_catalogue
from engine.models.reference import BUNDLED
from services.api.context import Services
from services.catalogue.models import add_shipped
from services.database.engine import open_session
from services.database.models import CatalogueModel, Job, User
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

CARD: dict[str, Any] = {
    "family": "whisper",
    "title": "Ours",
    "source": "s3://models/ours/v1",
    "parameters": 1_000_000,
    "languages": ["en"],
    "licence": "Apache-2.0",
    "description": "Made by us.",
}


@pytest.fixture
async def admin(services: Services, bob: Visitor) -> Visitor:
    async with open_session(services.sessions) as session:
        await session.execute(update(User).where(User.username == bob.username).values(role="admin"))
        await session.commit()
    return bob


async def added(admin: Visitor, model_id: str, **changed: Any) -> dict[str, Any]:
    answer = await admin.post("/models", json=CARD | {"id": model_id} | changed)
    assert answer.status_code == 201, answer.text
    model: dict[str, Any] = answer.json()
    return model


async def test_shipped_models_are_there(ada: Visitor) -> None:
    listed = (await ada.get("/models", params={"limit": 100})).json()
    shipped = {item["id"]: item for item in listed["items"] if item["shipped"]}
    assert set(shipped) == {card.id for card in load_catalogue()}
    pico = shipped["whisper-pico"]
    assert (pico["status"], pico["family"], pico["source"]) == ("active", "whisper", "bundled:whisper-pico")
    assert (await ada.get("/models/whisper-pico")).json() == pico
    assert [item["id"] for item in (await ada.get("/models", params={"q": "PICO"})).json()["items"]] == ["whisper-pico"]


async def test_an_admin_adds_changes_retires_and_brings_back(admin: Visitor, ada: Visitor, services: Services) -> None:
    model = await added(admin, "ours-1")
    assert {name: model[name] for name in CARD} == CARD
    assert (model["status"], model["shipped"], model["tasks"]) == ("active", False, ["speech_to_text"])
    assert (await ada.get("/models/ours-1")).json() == model
    again = await admin.post("/models", json=CARD | {"id": "ours-1"})
    assert (again.status_code, again.json()["code"]) == (409, "model_exists")

    changed = (await admin.call("PATCH", "/models/ours-1", json={"title": "Ours, mended"})).json()
    assert (changed["title"], changed["source"]) == ("Ours, mended", CARD["source"])
    assert (await admin.call("DELETE", "/models/ours-1")).status_code == 204
    assert (await ada.get("/models/ours-1")).json()["status"] == "retired"
    for status, there in (("active", False), ("retired", True)):
        items = (await ada.get("/models", params={"status": status, "limit": 100})).json()["items"]
        assert ("ours-1" in {item["id"] for item in items}) is there

    dataset_id = str(await rows.ready_dataset(services, ada))
    body = {"model_id": "ours-1", "dataset_id": dataset_id, "config": rows.CONFIG}
    refused = await ada.post("/jobs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "model_retired")
    assert "which is retired; allowed: " in refused.json()["errors"][0]["message"]
    await admin.call("PATCH", "/models/ours-1", json={"status": "active"})
    job = (await ada.post("/jobs", json=body)).json()
    # What the job starts from was settled when it was made.
    await admin.call("PATCH", "/models/ours-1", json={"source": "s3://models/ours/v2"})
    async with open_session(services.sessions) as session:
        assert (await session.get_one(Job, job["id"])).model == {
            "id": "ours-1",
            "source": "s3://models/ours/v1",
            "family": "whisper",
            "revision": None,
        }
    trail = [event["action"] for event in (await admin.get("/users/me/audit")).json()["items"]]
    assert trail[:5] == ["model_changed", "model_changed", "model_retired", "model_changed", "model_added"]


async def test_a_repeated_call_adds_once(admin: Visitor) -> None:
    body, key = CARD | {"id": "ours-once"}, {"Idempotency-Key": "one"}
    first = await admin.post("/models", json=body, headers=key)
    second = await admin.post("/models", json=body, headers=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


async def test_others_only_read(ada: Visitor, http: httpx.AsyncClient) -> None:
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/models", {"json": CARD | {"id": "hers"}}),
        ("PATCH", "/models/whisper-pico", {"json": {"title": "Hers"}}),
        ("DELETE", "/models/whisper-pico", {}),
    ]
    for method, path, body in calls:
        answer = await ada.call(method, path, **body)
        assert (answer.status_code, answer.json()["code"]) == (403, "admin_required"), (method, path)
        assert (await http.request(method, path, **body)).status_code == 401
    assert (await ada.get("/models/whisper-pico")).json()["title"] == "Whisper pico"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("bundled:nothing", "bundled are whisper-pico"),
        ("s3://models", "a whole bucket"),
        ("s3:///ours", "s3://bucket/key"),
        ("/etc", "allowed: `bundled:NAME`"),
        ("../other/model", "allowed: `bundled:NAME`"),
        ("openai/../../etc", "allowed: `bundled:NAME`"),
        ("file:///etc", "allowed: `bundled:NAME`"),
        ("http://10.0.0.1/model", "allowed: `bundled:NAME`"),
    ],
)
async def test_sources_that_no_run_could_load(admin: Visitor, source: str, reason: str) -> None:
    answer = await admin.post("/models", json=CARD | {"id": "refused", "source": source})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_source")
    assert reason in answer.json()["errors"][0]["message"]
    changed = await admin.call("PATCH", "/models/whisper-pico", json={"source": source})
    assert changed.status_code == 422
    assert (await admin.get("/models/refused")).status_code == 404


async def test_a_model_of_the_hub_is_pinned_to_a_commit(services: Services, admin: Visitor) -> None:
    hub = CARD | {"id": "of-the-hub", "source": "somebody/whisper"}
    answer = await admin.post("/models", json=hub)
    assert (answer.status_code, answer.json()["code"]) == (422, "revision_missing")
    assert answer.json()["errors"][0]["path"] == "revision"
    answer = await admin.post("/models", json=hub | {"revision": "main"})
    assert [error["path"] for error in answer.json()["errors"]] == ["revision"]
    answer = await admin.post("/models", json=CARD | {"id": "of-ours", "revision": "a" * 40})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_source")
    added = await admin.post("/models", json=hub | {"revision": "a" * 40})
    assert (added.status_code, added.json()["revision"]) == (201, "a" * 40)
    moved = await admin.call("PATCH", "/models/of-the-hub", json={"source": "s3://models/ours/v1"})
    assert (moved.json()["source"], moved.json()["revision"]) == ("s3://models/ours/v1", None)
    async with open_session(services.sessions) as session:  # from before revisions: it can be retired
        await session.execute(
            update(CatalogueModel).where(CatalogueModel.id == "of-the-hub").values(source="somebody/whisper")
        )
        await session.commit()
    assert (await admin.call("DELETE", "/models/of-the-hub")).status_code == 204


async def test_every_fault_of_a_card_is_told(admin: Visitor) -> None:
    body = CARD | {"id": "No Good", "family": "parrot", "parameters": 0, "tasks": ["sing"], "extra": 1}
    answer = await admin.post("/models", json=body)
    assert answer.status_code == 422
    paths = {error["path"] for error in answer.json()["errors"]}
    assert paths == {"id", "family", "parameters", "tasks.0", "extra"}


async def test_the_software_keeps_what_no_admin_has_touched(services: Services, admin: Visitor, ada: Visitor) -> None:
    await admin.call("PATCH", "/models/whisper-base", json={"title": "The base"})
    async with open_session(services.sessions) as session:
        await session.execute(update(CatalogueModel).where(CatalogueModel.shipped).values(description="of old"))
        row = await session.get_one(CatalogueModel, "whisper-small")
        await session.delete(row)
        await session.commit()
        connection = await session.connection()
        await connection.run_sync(add_shipped)
        await session.commit()
    cards = {card.id: card for card in load_catalogue()}
    assert (await ada.get("/models/whisper-base")).json()["description"] == "of old"
    for model_id in ("whisper-small", "whisper-tiny"):
        assert (await ada.get(f"/models/{model_id}")).json()["description"] == cards[model_id].description
    restored = {"title": cards["whisper-base"].title, "description": cards["whisper-base"].description}
    assert (await admin.call("PATCH", "/models/whisper-base", json=restored)).status_code == 200


def put_model(services: Services, name: str, config: bytes) -> str:
    """A model in object storage that has no weights to speak of."""
    address = f"s3://{services.settings.s3.bucket}/models/{name}"
    store = S3RunStore.at(address, services.settings.s3)
    store.put_bytes("config.json", config)
    store.put_bytes("model.safetensors", b"")
    return address


async def test_a_model_in_object_storage_has_its_own_sizes(services: Services, ada: Visitor, admin: Visitor) -> None:
    pico = (BUNDLED / "whisper-pico" / "config.json").read_bytes()
    sources = {
        "small-of-ours": put_model(services, "small", pico),
        "lost-of-ours": f"s3://{services.settings.s3.bucket}/models/lost",
        "odd-of-ours": put_model(services, "odd", b'{"model_type": "whisper", "d_model": "wide"}'),
    }
    for name, source in sources.items():
        card = CARD | {"id": name, "source": source, "parameters": 100_000}
        assert (await admin.post("/models", json=card)).status_code == 201

    config = {"max_steps": 1}
    known, lost, odd = [await ada.post("/estimates", json={"model_id": name, "config": config}) for name in sources]
    shipped = (await ada.post("/estimates", json={"model_id": "whisper-pico", "config": config})).json()
    assert known.json()["memory"]["sizes_known"] is True
    assert known.json()["memory"]["trainable_parameters"] == shipped["memory"]["trainable_parameters"]
    assert lost.json()["memory"]["sizes_known"] is False  # the smallest published one stands in for it
    assert lost.json()["memory"]["peak_bytes"] > known.json()["memory"]["peak_bytes"]
    assert (odd.status_code, odd.json()["code"]) == (422, "model_unusable")
    assert "not one of a whisper model" in odd.json()["errors"][0]["message"]

    dataset_id = str(await rows.ready_dataset(services, ada))
    reserved = {}
    for name in ("small-of-ours", "lost-of-ours"):
        job = (await ada.post("/jobs", json={"model_id": name, "dataset_id": dataset_id, "config": config})).json()
        reserved[name] = job["resources"]["memory_bytes_per_worker"]
    assert reserved["small-of-ours"] < reserved["lost-of-ours"]
