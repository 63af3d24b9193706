"""Versions of a dataset over HTTP, on a real database and a real object store."""

from __future__ import annotations

import asyncio
import io
import uuid
from typing import Any

import httpx
import pytest
import soundfile
from sqlalchemy import func, select, update

from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Dataset, DatasetItem, DatasetVersion, Job, Pipeline
from services.datasets.prefixes import upload_prefix, version_prefix
from services.pipelines.contract import Work
from services.pipelines.plan import Plan
from services.pipelines.stages.data import used_version
from tests.integration.services import rows
from tests.integration.services.recordings import archive, good, hiss, silence, tone
from tests.integration.services.uploads import Ingestions, Store, announce, put, settle, upload
from tests.integration.services.visitors import Visitor, paths_of


def mixed() -> bytes:
    """Four good recordings, one that is silent, one with an address in its text, one that is cut short, one without."""
    files = good(4)
    lines = [
        files["metadata.csv"].decode(),
        "still.wav,hush,speaker0",
        "mail.wav,write to ada@example.org,speaker1",
        "cut.wav,cut,speaker1",
    ]
    more = {"still.wav": silence(0.5), "mail.wav": hiss(1.0, 7), "cut.wav": tone()[:2000], "mute.wav": hiss(0.5, 8)}
    return archive({**files, "metadata.csv": "\n".join(lines).encode(), **more})


async def revise(visitor: Visitor, dataset_id: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await visitor.post(f"/datasets/{dataset_id}/versions", json=body, headers=headers)


async def ended(queue: Ingestions, visitor: Visitor, dataset_id: str, number: int) -> dict[str, Any]:
    """A version when it is ready or in error."""
    while True:
        await queue.round()
        version: dict[str, Any] = (await visitor.get(f"/datasets/{dataset_id}/versions/{number}")).json()
        if version["status"] in {"ready", "error"}:
            return version
        await asyncio.sleep(0.02)


async def items(visitor: Visitor, dataset_id: str, number: int, **wanted: Any) -> list[dict[str, Any]]:
    answer = await visitor.get(f"/datasets/{dataset_id}/versions/{number}/items", params={"limit": 100, **wanted})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    assert answer.json()["total"] == len(found)
    return found


async def test_decisions_make_the_next_version_and_the_first_stays(
    services: Services, queue: Ingestions, store: Store, ada: Visitor
) -> None:
    dataset = await upload(queue, ada, mixed())
    dataset_id = dataset["id"]
    first = store(version_prefix(uuid.UUID(dataset_id), 1))
    before = {key: first.get_bytes(key) for key in first.list("")}
    asked = {
        "decisions": [
            {"do": "accept", "paths": ["still.wav"]},
            {"do": "reject", "ids": ["take0"]},
            {"do": "edit", "paths": ["mail.wav"], "text": "write to ada", "speaker": None},
            {"do": "edit", "paths": ["mute.wav"], "text": "nothing", "split": "test"},
        ],
        "validation": {"quiet_dbfs": -50},
    }
    answer = await revise(ada, dataset_id, asked)
    assert answer.status_code == 202, answer.text
    queued = answer.json()
    assert (queued["number"], queued["parent"], queued["status"]) == (2, 1, "processing")
    assert (await ada.get(f"/datasets/{dataset_id}")).json()["status"] == "ready"  # in its first version
    version = await ended(queue, ada, dataset_id, 2)
    assert version["status"] == "ready", version["error"]
    assert version["decisions"] == asked["decisions"]
    assert version["options"]["validation"]["quiet_dbfs"] == -50
    assert version["options"]["validation"]["clipped_share"] == 0.01
    assert version["statistics"]["utterances"] == 6
    assert version["report"]["set_aside_by_code"] == {"rejected": 1, "truncated": 1}
    assert version["report"]["validation"]["overruled_by_code"] == {"silent": 1}

    good_items = {item["path"]: item for item in await items(ada, dataset_id, 2, status="good")}
    assert set(good_items) == {"take1.wav", "take2.wav", "take3.wav", "still.wav", "mail.wav", "mute.wav"}
    assert (good_items["mail.wav"]["text"], good_items["mail.wav"]["speaker"]) == ("write to ada", None)
    assert (good_items["mute.wav"]["text"], good_items["mute.wav"]["split"]) == ("nothing", "test")
    audio = await ada.get(f"http://test{good_items['still.wav']['audio_url']}")
    wave_T, _ = soundfile.read(io.BytesIO(audio.content))
    assert (len(wave_T), abs(wave_T).max()) == (8000, 0.0)

    dataset = (await ada.get(f"/datasets/{dataset_id}")).json()
    assert (dataset["version"], dataset["statistics"]["utterances"]) == (2, 6)
    listed = (await ada.get(f"/datasets/{dataset_id}/versions")).json()
    assert [(each["number"], each["parent"]) for each in listed["items"]] == [(2, 1), (1, None)]
    assert {key: first.get_bytes(key) for key in first.list("")} == before
    assert (await ada.get(f"/datasets/{dataset_id}/report")).json()["items_good"] == 6
    assert (await ada.get(f"/datasets/{dataset_id}/report", params={"version": 1})).json()["items_good"] == 4
    preview = await ada.get(f"/datasets/{dataset_id}/preview", params={"version": 1})
    assert [item["id"] for item in preview.json()["items"]] == ["take0", "take1", "take2", "take3"]
    assert (await ada.get(f"/datasets/{dataset_id}/items/still/audio", params={"version": 1})).status_code == 404

    told = (await ada.get("/notifications")).json()["items"]
    assert [(each["kind"], each["detail"]) for each in told] == [
        ("dataset_ready", "version 2"),
        ("dataset_ready", None),
    ]


async def test_decisions_are_kept_by_the_versions_that_follow(queue: Ingestions, ada: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    await revise(ada, dataset_id, {"decisions": [{"do": "accept", "codes": ["silent"]}]})
    await ended(queue, ada, dataset_id, 2)
    await revise(ada, dataset_id, {"split": {"test_fraction": 0.3, "by": "recording"}})
    third = await ended(queue, ada, dataset_id, 3)
    assert {item["path"] for item in await items(ada, dataset_id, 3, status="good")} >= {"still.wav", "take0.wav"}
    assert sum(third["statistics"]["splits"].values()) == 5
    # Another way from the first version on: what the others decided is not in it.
    answer = await revise(ada, dataset_id, {"parent": 1, "limits": {"max_item_s": 20}})
    assert answer.json()["parent"] == 1
    fourth = await ended(queue, ada, dataset_id, 4)
    assert fourth["statistics"]["utterances"] == 4
    assert fourth["options"]["split"] is None


async def test_items_are_found(queue: Ingestions, ada: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    assert len(await items(ada, dataset_id, 1)) == 8
    assert [item["path"] for item in await items(ada, dataset_id, 1, finding="silent")] == ["still.wav"]
    assert [item["path"] for item in await items(ada, dataset_id, 1, speaker="speaker1", status="good")] == [
        "take1.wav",
        "take3.wav",
    ]
    assert [item["path"] for item in await items(ada, dataset_id, 1, q="TEXT 2")] == ["take2.wav"]
    assert [item["path"] for item in await items(ada, dataset_id, 1, q="mute")] == ["mute.wav"]
    assert await items(ada, dataset_id, 1, split="test") == []
    still = (await items(ada, dataset_id, 1, finding="silent"))[0]
    assert (still["status"], still["id"], still["text"], still["audio_url"]) == ("rejected", None, "hush", None)
    assert still["findings"][0]["severity"] == "set_aside"
    assert still["findings"][0]["action"] == "record it again, or remove it"
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await ada.get(f"/datasets/{dataset_id}/versions/1/items", params=params)).json()
        assert page["total"] == 8
        seen += [item["path"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 8
    path = f"/datasets/{dataset_id}/versions/1/items"
    for params, code in (
        ({"status": "bad"}, 422),
        ({"limit": 0}, 422),
        ({"cursor": "x"}, 422),
        ({"split": "dev"}, 422),
    ):
        assert (await ada.get(path, params=params)).status_code == code
    assert (await ada.get(f"/datasets/{dataset_id}/versions/7/items")).status_code == 404


async def test_every_fault_is_told_at_once_and_nothing_is_made(queue: Ingestions, ada: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    answer = await revise(
        ada,
        dataset_id,
        {
            "decisions": [
                {"do": "accept", "paths": ["none.wav", "cut.wav"]},
                {"do": "reject", "codes": ["noisy", "clipped"]},
                {"do": "edit", "ids": ["nobody"], "text": "x"},
            ]
        },
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_decisions"
    assert sorted(paths_of(answer)) == [
        "decisions.0",
        "decisions.0.paths.0",
        "decisions.1.codes.1",
        "decisions.2.ids.0",
    ]
    assert "cut.wav cannot be accepted: truncated" in answer.text
    for body, paths in (
        ({}, [""]),
        ({"decisions": [{"do": "accept"}]}, ["decisions.0"]),
        ({"decisions": [{"do": "burn", "paths": ["a"]}]}, ["decisions.0.do"]),
        (
            {"decisions": [{"do": "edit", "paths": ["a\x00"], "text": "\x00"}]},
            ["decisions.0.paths.0", "decisions.0.text"],
        ),
        ({"validation": {"loud": 1}, "limits": {"max_item_s": -1}}, ["limits.max_item_s", "validation.loud"]),
        ({"limits": {"max_item_s": 1e9}}, ["limits.max_item_s"]),
        ({"limits": {"max_audio_s": 1e9}}, ["limits.max_audio_s"]),
        ({"validation": {"same_candidates": 10**9}}, ["validation.same_candidates"]),
        ({"parent": 7, "language": "de"}, ["parent"]),
        ({"language": "no language"}, ["language"]),
    ):
        answer = await revise(ada, dataset_id, body)
        assert (answer.status_code, sorted(paths_of(answer))) == (422, paths), (body, answer.text)
    many = [f"{number}" for number in range(9_990)]
    answer = await revise(
        ada, dataset_id, {"decisions": [{"do": "reject", field: many} for field in ("paths", "ids")] * 2}
    )
    assert (answer.status_code, answer.json()["code"], len(paths_of(answer))) == (422, "invalid_decisions", 100)
    half = b'{"decisions": [{"do": "reject", "paths": ["\\ud800"]}]}'
    json = {"Content-Type": "application/json"}
    answer = await ada.post(f"/datasets/{dataset_id}/versions", content=half, headers=json)
    assert (answer.status_code, paths_of(answer)) == (422, ["decisions.0.paths.0"])
    assert (await ada.get(f"/datasets/{dataset_id}/versions")).json()["total"] == 1


async def test_limits_above_the_operators_are_refused(queue: Ingestions, ada: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    answer = await revise(ada, dataset_id, {"limits": {"max_item_s": 301}})
    assert (answer.status_code, answer.json()["code"], paths_of(answer)) == (
        422,
        "limit_too_high",
        ["limits.max_item_s"],
    )
    assert "is 301 s; at most 300 s are allowed (the operator sets LIM_MAX_ITEM_S)" in answer.text
    body = {"name": "x", "source": {"type": "upload", "files": [{"name": "a.zip", "size": 1}]}}
    answer = await ada.post("/datasets", json=body | {"limits": {"max_item_s": 301}})
    assert (answer.status_code, paths_of(answer)) == (422, ["limits.max_item_s"])
    answer = await ada.post("/datasets", json=body | {"validation": {"x": 1}, "limits": {"shard_s": 1}})
    assert (answer.status_code, sorted(paths_of(answer))) == (422, ["limits.shard_s", "validation.x"])


async def test_options_count_from_the_first_version_on(queue: Ingestions, ada: Visitor) -> None:
    data = mixed()
    limits = {"max_item_s": 0.55}
    new = await announce(ada, {"a.zip": data}, {"limits": limits, "split": {"test_fraction": 0.5}})
    await put(new["uploads"], {"a.zip": data})
    await ada.post(f"/datasets/{new['dataset']['id']}/complete")
    dataset = await settle(queue, ada, new["dataset"]["id"])
    assert dataset["statistics"]["set_aside_by_code"]["too_long"] == 3  # of 0.6, 0.7 and 1 s
    [version] = (await ada.get(f"/datasets/{dataset['id']}/versions")).json()["items"]
    assert version["options"]["limits"]["max_item_s"] == 0.55
    assert version["options"]["split"]["test_fraction"] == dataset["split"]["test_fraction"] == 0.5


async def test_a_dataset_with_nothing_good_gets_other_options(queue: Ingestions, ada: Visitor) -> None:
    """All of it is longer than the usual limit: the upload is not made again for that."""
    dataset = await upload(queue, ada, mixed(), limits={"max_item_s": 0.1})
    assert (dataset["status"], dataset["version"]) == ("error", None)
    assert (await ada.get(f"/datasets/{dataset['id']}/report")).json()["set_aside_by_code"]["too_long"] == 5
    decision = {"decisions": [{"do": "reject", "paths": ["take0.wav"]}]}
    assert (await revise(ada, dataset["id"], decision)).json()["code"] == "no_items"
    assert (await revise(ada, dataset["id"], {"limits": {"max_item_s": 30}})).status_code == 202
    assert (await ada.get(f"/datasets/{dataset['id']}")).json()["status"] == "processing"
    version = await ended(queue, ada, dataset["id"], 2)
    assert (version["status"], version["parent"]) == ("ready", 1)
    dataset = (await ada.get(f"/datasets/{dataset['id']}")).json()
    assert (dataset["status"], dataset["version"], dataset["error"]) == ("ready", 2, None)


async def test_a_version_that_fails_leaves_the_one_before(queue: Ingestions, ada: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    await revise(ada, dataset_id, {"limits": {"max_item_s": 0.1}})
    version = await ended(queue, ada, dataset_id, 2)
    assert version["status"] == "error"
    assert "none of 8 items can be used" in version["error"]
    assert version["report"]["items_good"] == 0
    dataset = (await ada.get(f"/datasets/{dataset_id}")).json()
    assert (dataset["status"], dataset["version"], dataset["error"]) == ("ready", 1, None)
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG}
    assert (await ada.post("/jobs", json=body)).json()["dataset_version"] == 1
    told = (await ada.get("/notifications")).json()["items"][0]
    assert told["kind"] == "dataset_error"
    assert told["detail"].startswith("version 2: none of 8 items")
    # The next one is made of the version that is ready.
    await revise(ada, dataset_id, {"limits": {"max_item_s": 20}})
    third = await ended(queue, ada, dataset_id, 3)
    assert (third["status"], third["parent"]) == ("ready", 1)


async def test_one_version_after_another(queue: Ingestions, ada: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    body = {"decisions": [{"do": "reject", "paths": ["take0.wav"]}]}
    answers = await asyncio.gather(*(revise(ada, dataset_id, body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    assert (refused["code"], refused["detail"]) == (
        "version_processing",
        "Version 2 is processing; revise the dataset when it is ready.",
    )
    await ended(queue, ada, dataset_id, 2)
    assert (await ada.get(f"/datasets/{dataset_id}/versions")).json()["total"] == 2


async def test_the_same_key_makes_one_version(queue: Ingestions, ada: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    body = {"decisions": [{"do": "reject", "paths": ["take0.wav"]}]}
    key = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(revise(ada, dataset_id, body, **key) for _ in range(3)))
    assert [(answer.status_code, answer.json()["number"]) for answer in answers] == [(202, 2)] * 3
    other = await revise(ada, dataset_id, {"limits": {"max_item_s": 20}}, **key)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_another_users_versions_are_not_there(queue: Ingestions, ada: Visitor, bob: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    path = f"/datasets/{dataset_id}/versions"
    body = {"decisions": [{"do": "reject", "paths": ["take0.wav"]}]}
    for method, address in (
        ("GET", path),
        ("GET", f"{path}/1"),
        ("GET", f"{path}/1/items"),
        ("DELETE", f"{path}/1"),
        ("POST", path),
    ):
        answer = await bob.call(method, address, **({"json": body} if method == "POST" else {}))
        assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found"), address
    # The key of Ada's call, with her dataset, opens nothing to Bob either.
    key = {"Idempotency-Key": "guessed"}
    assert (await revise(ada, dataset_id, body, **key)).status_code == 202
    assert (await revise(bob, dataset_id, body, **key)).status_code == 404
    await ended(queue, ada, dataset_id, 2)
    assert (await ada.get(path)).json()["total"] == 2


async def two_versions(queue: Ingestions, visitor: Visitor) -> str:
    dataset_id: str = (await upload(queue, visitor, mixed()))["id"]
    await revise(visitor, dataset_id, {"decisions": [{"do": "accept", "codes": ["silent"]}]})
    assert (await ended(queue, visitor, dataset_id, 2))["status"] == "ready"
    return dataset_id


async def test_jobs_take_the_newest_version_or_that_which_they_name(
    services: Services, queue: Ingestions, ada: Visitor
) -> None:
    dataset_id = await two_versions(queue, ada)
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG}
    newest = (await ada.post("/jobs", json=body)).json()
    named = (await ada.post("/jobs", json=body | {"dataset_version": 1})).json()
    assert (newest["dataset_version"], named["dataset_version"]) == (2, 1)
    missing = await ada.post("/jobs", json=body | {"dataset_version": 3})
    assert (missing.status_code, paths_of(missing)) == (422, ["dataset_version"])
    assert "the dataset has no version 3 that is ready; those are: 1, 2" in missing.text

    # A training on what a selection chose takes the version that was selected from.
    async with open_session(services.sessions) as session:
        job = await session.get_one(Job, uuid.UUID(named["id"]))
        job.type, job.status = "selection", "succeeded"
        await session.commit()
    chosen = await ada.post("/jobs", json=body | {"selection_id": named["id"]})
    assert chosen.json()["dataset_version"] == 1
    wrong = await ada.post("/jobs", json=body | {"selection_id": named["id"], "dataset_version": 2})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "selection_of_another_version")

    # An evaluation measures on the version that was trained on, unless it names another.
    trained = await rows.job(services, ada, "succeeded", dataset_id=uuid.UUID(dataset_id))
    for asked, number in (({}, 1), ({"dataset_id": dataset_id}, 2), ({"dataset_version": 2}, 2)):
        made = await ada.post(f"/jobs/{trained}/evaluations", json=asked)
        assert made.json()["dataset_version"] == number, asked

    sizes = {}
    config = {"epochs": 1}
    for number in (1, 2, None):
        asked = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": config, "dataset_version": number}
        sizes[number] = (await ada.post("/estimates", json=asked)).json()["time"]["cost"]
    assert sizes[1] < sizes[2] == sizes[None]


async def test_a_pipeline_keeps_to_one_version(services: Services, queue: Ingestions, ada: Visitor) -> None:
    dataset_id = await two_versions(queue, ada)
    body = {"name": "p", "dataset_id": dataset_id, "model_id": "whisper-pico", "config": rows.CONFIG}
    named = (await ada.post("/pipelines", json=body | {"dataset_version": 1})).json()
    free = (await ada.post("/pipelines", json=body)).json()
    assert (named["dataset_version"], free["dataset_version"]) == (1, None)
    assert (await ada.post("/pipelines", json=body | {"dataset_version": 9})).status_code == 422
    assert await _used(services, free["id"]) == 2
    await revise(ada, dataset_id, {"limits": {"max_item_s": 20}})
    await ended(queue, ada, dataset_id, 3)
    assert await _used(services, free["id"]) == 2
    assert await _used(services, named["id"]) == 1


async def _used(services: Services, pipeline_id: str) -> int:
    async with open_session(services.sessions) as session:
        pipeline = await session.get_one(Pipeline, uuid.UUID(pipeline_id))
        work = Work(session, services.settings, pipeline, Plan({}, {}), {}, None)  # type: ignore[arg-type]  # no stage is looked at
        number = (await used_version(work)).number
        await session.commit()
    return number


async def test_versions_are_deleted_unless_something_uses_them(
    services: Services, queue: Ingestions, store: Store, ada: Visitor
) -> None:
    dataset_id = await two_versions(queue, ada)
    path = f"/datasets/{dataset_id}/versions"
    job_id = await rows.job(services, ada, "succeeded", dataset_id=uuid.UUID(dataset_id))
    kept = await ada.call("DELETE", f"{path}/1")
    assert (kept.status_code, kept.json()["code"]) == (409, "version_in_use")
    assert (await ada.get(f"{path}/1")).json()["used_by"] == 1
    async with open_session(services.sessions) as session:
        await session.execute(update(Job).where(Job.id == job_id).values(dataset_version=2))
        await session.commit()
    assert (await ada.call("DELETE", f"{path}/1")).status_code == 204
    assert (await ada.get(f"{path}/1")).status_code == 404
    only = await ada.call("DELETE", f"{path}/2")
    assert (only.status_code, only.json()["code"]) == (409, "version_in_use")
    await queue.round()
    assert store(version_prefix(uuid.UUID(dataset_id), 1)).list("") == []
    assert store(version_prefix(uuid.UUID(dataset_id), 2)).list("") != []
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG, "dataset_version": 1}
    assert (await ada.post("/jobs", json=body)).status_code == 422
    # Its number is not given again, and what was made of it goes on.
    third = (await revise(ada, dataset_id, {"limits": {"max_item_s": 20}})).json()
    assert (third["number"], third["parent"]) == (3, 2)
    assert (await ended(queue, ada, dataset_id, 3))["statistics"]["utterances"] == 5
    assert (await ada.call("DELETE", f"{path}/3")).status_code == 204
    fourth = (await revise(ada, dataset_id, {"limits": {"max_item_s": 21}})).json()
    assert fourth["number"] == 4
    busy = await ada.call("DELETE", f"{path}/4")
    assert (busy.status_code, busy.json()["code"]) == (409, "version_processing")
    await ended(queue, ada, dataset_id, 4)


async def test_the_only_version_stays(queue: Ingestions, ada: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    only = await ada.call("DELETE", f"/datasets/{dataset_id}/versions/1")
    assert (only.status_code, only.json()["code"]) == (409, "only_version")


async def test_a_source_that_is_not_kept_is_said(
    services: Services, queue: Ingestions, store: Store, ada: Visitor
) -> None:
    at_once = Ingestions(services, store, services.settings.model_copy(update={"keep_sources_s": 0}))
    dataset_id = (await upload(at_once, ada, mixed()))["id"]
    for _ in range(50):
        if not store(upload_prefix(uuid.UUID(dataset_id))).list(""):
            break
        await asyncio.sleep(0.02)
    assert store(upload_prefix(uuid.UUID(dataset_id))).list("") == []
    answer = await revise(ada, dataset_id, {"limits": {"max_item_s": 20}})
    assert (answer.status_code, answer.json()["code"]) == (409, "source_gone")
    assert "upload them again as a new dataset" in answer.json()["detail"]

    # Kept for an hour: long enough for another version, and then removed.
    for_a_while = Ingestions(services, store, services.settings.model_copy(update={"keep_sources_s": 3600}))
    dataset_id = await two_versions(for_a_while, ada)
    assert store(upload_prefix(uuid.UUID(dataset_id))).list("") != []
    async with open_session(services.sessions) as session:
        old = func.now() - func.make_interval(0, 0, 0, 0, 2)
        of_dataset = DatasetVersion.dataset_id == uuid.UUID(dataset_id)
        await session.execute(update(DatasetVersion).where(of_dataset).values(finished_at=old))
        await session.execute(update(Dataset).where(Dataset.id == uuid.UUID(dataset_id)).values(updated_at=old))
        await session.commit()
    later = Ingestions(services, store, services.settings.model_copy(update={"keep_sources_s": 3600}))
    await later.round()
    assert store(upload_prefix(uuid.UUID(dataset_id))).list("") == []
    assert (await revise(ada, dataset_id, {"limits": {"max_item_s": 20}})).json()["code"] == "source_gone"


async def test_versions_of_an_earlier_release_have_no_items(services: Services, ada: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    listed = await ada.get(f"/datasets/{dataset_id}/versions/1/items")
    assert (listed.status_code, listed.json()["code"]) == (409, "no_items")
    assert (await revise(ada, dataset_id, {"language": "de"})).json()["code"] == "source_gone"


async def test_a_deleted_dataset_leaves_no_items(services: Services, queue: Ingestions, ada: Visitor) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]

    async def count() -> int:
        async with open_session(services.sessions) as session:
            of_dataset = select(DatasetVersion.id).where(DatasetVersion.dataset_id == uuid.UUID(dataset_id))
            counted = select(func.count()).select_from(DatasetItem).where(DatasetItem.version_id.in_(of_dataset))
            return await session.scalar(counted) or 0

    assert await count() == 8
    assert (await ada.call("DELETE", f"/datasets/{dataset_id}")).status_code == 204
    await queue.round()
    assert await count() == 0


@pytest.mark.parametrize("status", ["pending", "error"])
async def test_what_was_never_ready_cannot_be_decided_about(services: Services, ada: Visitor, status: str) -> None:
    new = await announce(ada, {"a.zip": b"x"})
    dataset_id = new["dataset"]["id"]
    if status == "error":
        async with open_session(services.sessions) as session:
            of_dataset = DatasetVersion.dataset_id == uuid.UUID(dataset_id)
            await session.execute(update(DatasetVersion).where(of_dataset).values(status=status))
            await session.execute(update(Dataset).where(Dataset.id == uuid.UUID(dataset_id)).values(status=status))
            await session.commit()
    answer = await revise(ada, dataset_id, {"decisions": [{"do": "accept", "paths": ["a.wav"]}]})
    expected = "version_processing" if status == "pending" else "source_gone"
    assert (answer.status_code, answer.json()["code"]) == (409, expected)
