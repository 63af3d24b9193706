"""Projects, adapters and their versions: who sees them, what they keep, in what two versions differ."""

from __future__ import annotations

import uuid
from typing import Any

from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Artifact
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

RESULT: dict[str, Any] = {"tuned": {"wer": 0.1}, "cost_per_s": 50.0, "code_version": "0.1.0+abc"}


async def trained(services: Services, who: Visitor, *, adapter: bool = True, **columns: Any) -> str:
    """A training that has succeeded, with the rows of its adapter's files."""
    job_id = await rows.job(services, who, columns.pop("status", "succeeded"), **({"result": RESULT} | columns))
    if adapter:
        async with open_session(services.sessions) as session:
            for name in ("adapter/adapter_config.json", "adapter/adapter_model.safetensors"):
                made = {"size": 10, "sha256": "0" * 64, "key": f"runs/{job_id}/{name}"}
                session.add(Artifact(job_id=job_id, name=name, kind="adapter", **made))
            await session.commit()
    return str(job_id)


async def created(who: Visitor, path: str, **body: Any) -> dict[str, Any]:
    answer = await who.post(path, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_project_holds_datasets_jobs_and_adapters_and_leaves_them_when_it_goes(
    services: Services, ada: Visitor
) -> None:
    project = await created(ada, "/projects", name="Digits", description="of four people")
    other = await created(ada, "/projects", name="Other")
    here = {"project_id": project["id"]}
    source = {"type": "upload", "files": [{"name": "a.zip", "size": 10}]}
    dataset = (await created(ada, "/datasets", name="d", source=source, **here))["dataset"]
    ready = str(await rows.ready_dataset(services, ada))
    job = await created(ada, "/jobs", model_id="whisper-pico", dataset_id=ready, config=rows.CONFIG, **here)
    adapter = await created(ada, "/adapters", name="a", **here)
    assert {made["project_id"] for made in (dataset, job, adapter)} == {project["id"]}

    async def inside(project_id: str) -> list[list[str]]:
        lists = [await ada.get(path, params={"project_id": project_id}) for path in ("/datasets", "/jobs", "/adapters")]
        return [[item["id"] for item in answer.json()["items"]] for answer in lists]

    assert await inside(project["id"]) == [[dataset["id"]], [job["id"]], [adapter["id"]]]
    assert await inside(other["id"]) == [[], [], []]
    moved = (await ada.call("PATCH", f"/jobs/{job['id']}", json={"project_id": other["id"], "name": "moved"})).json()
    assert (moved["project_id"], moved["name"]) == (other["id"], "moved")
    out = (await ada.call("PATCH", f"/datasets/{dataset['id']}", json={"project_id": None})).json()
    assert out["project_id"] is None
    same = (await ada.call("PATCH", f"/adapters/{adapter['id']}", json={"description": "x"})).json()
    assert (same["project_id"], same["description"]) == (project["id"], "x")

    renamed = (await ada.call("PATCH", f"/projects/{project['id']}", json={"name": "Numbers"})).json()
    assert (renamed["name"], renamed["description"]) == ("Numbers", "of four people")
    assert [item["name"] for item in (await ada.get("/projects", params={"q": "numb"})).json()["items"]] == ["Numbers"]
    assert (await ada.call("DELETE", f"/projects/{project['id']}")).status_code == 204
    assert (await ada.get(f"/projects/{project['id']}")).status_code == 404
    assert (await ada.get(f"/adapters/{adapter['id']}")).json()["project_id"] is None


async def test_nothing_goes_into_anothers_project(services: Services, ada: Visitor, bob: Visitor) -> None:
    project = await created(ada, "/projects", name="hers")
    here = {"project_id": project["id"]}
    ready = str(await rows.ready_dataset(services, bob))
    job = str(await rows.job(services, bob))
    source = {"type": "upload", "files": [{"name": "a.zip", "size": 10}]}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/datasets", {"name": "d", "source": source}),
        ("POST", "/jobs", {"model_id": "whisper-pico", "dataset_id": ready, "config": rows.CONFIG}),
        ("POST", "/adapters", {"name": "a"}),
        ("PATCH", f"/datasets/{ready}", {}),
        ("PATCH", f"/jobs/{job}", {}),
    ]
    for method, path, body in calls:
        answer = await bob.call(method, path, json=body | here)
        assert (answer.status_code, answer.json()["code"]) == (404, "project_not_found"), (method, path)
    assert (await bob.get("/jobs", params=here)).json()["total"] == 0
    assert (await bob.get("/projects")).json()["total"] == 0


async def test_versions_count_up_tell_what_they_were_made_of_and_compare(services: Services, ada: Visitor) -> None:
    first = await trained(services, ada)
    config = {"max_steps": 20, "method": {"type": "qlora", "rank": 4}}
    second = await trained(services, ada, config=config, result=RESULT | {"tuned": {"wer": 0.05}})
    adapter = await created(ada, "/adapters", name="digits")
    assert adapter["newest_version"] is None
    one = await created(ada, f"/adapters/{adapter['id']}/versions", job_id=first, notes="first try")
    two = await created(ada, f"/adapters/{adapter['id']}/versions", job_id=second)
    assert (one["number"], two["number"]) == (1, 2)
    lineage = one["lineage"]
    assert lineage["base"] == rows.reference()
    assert (lineage["data"]["version"], lineage["data"]["utterances"], lineage["data"]["audio_s"]) == (1, 1, 1.0)
    assert lineage["config"]["max_steps"] == 20
    assert (lineage["code_version"], lineage["result"]["tuned"]["wer"]) == ("0.1.0+abc", 0.1)
    assert [file["name"] for file in lineage["files"]] == [
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
    ]
    assert (await ada.get(f"/adapters/{adapter['id']}")).json()["newest_version"] == 2
    listed = (await ada.get(f"/adapters/{adapter['id']}/versions")).json()
    assert [version["number"] for version in listed["items"]] == [2, 1]
    assert (await ada.get(f"/adapters/{adapter['id']}/versions/1")).json() == one

    compared = (await ada.get(f"/adapters/{adapter['id']}/compare", params={"a": 1, "b": 2})).json()
    found = {each["path"]: (each["a"], each["b"]) for each in compared["differences"]}
    assert found["result.tuned.wer"] == (0.1, 0.05)
    assert found["config.method.rank"] == (8, 4)
    assert "data.dataset_id" in found and "config_sha256" in found
    assert "base.id" not in found
    alike = (await ada.get(f"/adapters/{adapter['id']}/compare", params={"a": 1, "b": 1})).json()
    assert alike["differences"] == []


async def test_only_what_is_an_adapter_becomes_a_version(services: Services, ada: Visitor, bob: Visitor) -> None:
    adapter = await created(ada, "/adapters", name="strict")
    path = f"/adapters/{adapter['id']}/versions"
    job = await trained(services, ada)
    await created(ada, path, job_id=job)
    refused = {
        "version_exists": job,
        "job_not_succeeded": await trained(services, ada, status="failed"),
        "no_adapter": await trained(services, ada, adapter=False),
    }
    for code, job_id in refused.items():
        answer = await ada.post(path, json={"job_id": job_id})
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    for job_id in (str(uuid.uuid4()), await trained(services, bob)):
        answer = await ada.post(path, json={"job_id": job_id})
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    taken = await ada.post("/adapters", json={"name": "strict"})
    assert (taken.status_code, taken.json()["code"]) == (409, "adapter_exists")
    assert (await bob.post("/adapters", json={"name": "strict"})).status_code == 201
    for missing in (f"{path}/2", f"/adapters/{adapter['id']}/compare?a=1&b=9"):
        answer = await ada.get(missing)
        assert (answer.status_code, answer.json()["code"]) == (404, "version_not_found")
    assert (await ada.get(f"{path}/1")).json()["job_id"] == job
    assert (await ada.call("DELETE", f"/adapters/{adapter['id']}")).status_code == 204
    assert (await ada.get(f"/jobs/{job}")).status_code == 200


async def test_repeated_calls_make_one(services: Services, ada: Visitor) -> None:
    key = {"Idempotency-Key": "again"}
    for path, body in (("/projects", {"name": "p"}), ("/adapters", {"name": "once"})):
        first = await ada.post(path, json=body, headers={"Idempotency-Key": path})
        second = await ada.post(path, json=body, headers={"Idempotency-Key": path})
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
    adapter_id, job = first.json()["id"], await trained(services, ada)
    made = [await ada.post(f"/adapters/{adapter_id}/versions", json={"job_id": job}, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
