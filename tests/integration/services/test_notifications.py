"""Notifications: one for every end, in its transaction; listed, marked, streamed, kept for a while."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from cluster.ingestion.config import IngestionRunConfig
from engine.run.store import LocalRunStore
from services.api.context import Services
from services.api.notification_stream import stream_notifications
from services.api.routers.notifications import NotificationOut
from services.database.engine import open_session
from services.database.housekeeping import UNREAD_S, sweep
from services.database.models import Dataset, DatasetVersion, Job, Notification, Upload
from services.datasets.requests import begin_ingestion
from services.jobs.events import locked_job
from services.jobs.requests import stop
from services.jobs.submission import Driver
from services.notifications.tell import job_ended
from services.pipelines.runner import PipelineRunner
from tests.integration.services import rows
from tests.integration.services.test_reconciler import DONE, KILLED, Scene, StandIn
from tests.integration.services.uploads import Ingestions, Store, failed, leave_version
from tests.integration.services.visitors import Visitor


@pytest.fixture
async def scene(services: Services, ada: Visitor, tmp_path: Path) -> Scene:
    """A reconciler and a cluster that does what it is told; other tests' jobs are not ours."""
    async with open_session(services.sessions) as session:
        await session.execute(update(Job).values(status="stopped"))
        await session.commit()
    return Scene(services, ada, StandIn(), lambda prefix: LocalRunStore(tmp_path / prefix))


async def kept(visitor: Visitor, **filters: Any) -> list[dict[str, Any]]:
    """A user's notifications, oldest first."""
    items = (await visitor.get("/notifications", params=filters)).json()["items"]
    return sorted(items, key=lambda item: item["seq"])


async def told(visitor: Visitor) -> list[str]:
    """Their kinds, oldest first."""
    return [item["kind"] for item in await kept(visitor)]


async def stopped_jobs(services: Services, visitor: Visitor, count: int) -> list[uuid.UUID]:
    """Jobs that were stopped before they began."""
    dataset_id = await rows.ready_dataset(services, visitor)
    made = [
        await rows.job(services, visitor, "queued", dataset_id=dataset_id, name=f"job {number}")
        for number in range(count)
    ]
    for job_id in made:
        assert (await visitor.post(f"/jobs/{job_id}/stop")).status_code == 202
    return made


# ---- every end, once -----------------------------------------------------------------------------------------


async def test_a_job_that_succeeds_fails_or_is_stopped(scene: Scene) -> None:
    jobs = {
        name: await scene.job(name=name, status="running", submission_id=name, attempt=1)
        for name in ("good", "bad", "stopped")
    }
    over = await scene.job(
        name="over", status="stopping", submission_id="over", budget={"wall_s": 5.0}, metered_s=9.0, attempt=1
    )
    scene.cluster.drivers = dict.fromkeys(("good", "stopped", "over"), DONE) | {"bad": KILLED}
    scene.finish(jobs["good"])
    scene.finish(jobs["stopped"], "stopped")
    scene.finish(over, "stopped")
    for _ in range(3):  # what has been settled is not settled again
        await scene.round(job_attempts=1)
    found = {item["name"]: item for item in await kept(scene.visitor)}
    assert {name: item["kind"] for name, item in found.items()} == {
        "good": "job_succeeded",
        "bad": "job_failed",
        "stopped": "job_stopped",
        "over": "job_stopped",
    }
    assert found["good"]["detail"] is None
    assert found["good"]["resource_id"] == str(jobs["good"])
    assert (found["good"]["resource_type"], found["good"]["status"]) == ("job", "succeeded")
    assert "exit code -9" in found["bad"]["detail"]
    assert found["stopped"]["detail"] is None
    assert found["over"]["detail"] == "the budget of 5 s is used up: 9 s"


async def test_a_driver_that_dies_and_is_followed_by_another_is_no_end(scene: Scene) -> None:
    job_id = await scene.job(status="running", submission_id="first", attempt=1)
    scene.cluster.drivers = {"first": KILLED}
    await scene.round()
    assert (await scene.read(job_id))["attempt"] == 2
    assert await told(scene.visitor) == []


async def test_two_reconcilers_at_once_tell_once(scene: Scene) -> None:
    for number in range(4):
        job_id = await scene.job(status="running", submission_id=f"s{number}", attempt=1)
        scene.finish(job_id)
    scene.cluster.drivers = {f"s{number}": DONE for number in range(4)}
    await asyncio.gather(*(scene.round() for _ in range(3)))
    found = await kept(scene.visitor)
    assert [item["kind"] for item in found] == ["job_succeeded"] * 4
    assert [item["seq"] for item in found] == [1, 2, 3, 4]


async def test_each_life_of_a_job_ends_once_whoever_says_so(services: Services, scene: Scene) -> None:
    [job_id] = await stopped_jobs(services, scene.visitor, 1)
    async with open_session(services.sessions) as session:  # as a hub would that does not know of it
        job = await locked_job(session, job_id)
        assert job is not None
        await job_ended(session, job, "again")
        await session.commit()
    assert await told(scene.visitor) == ["job_stopped"]
    assert (await scene.visitor.post(f"/jobs/{job_id}/resume")).status_code == 202
    assert (await scene.visitor.post(f"/jobs/{job_id}/stop")).status_code == 202
    assert await told(scene.visitor) == ["job_stopped", "job_stopped"]


async def test_what_is_rolled_back_was_not_told(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada, "queued")
    async with open_session(services.sessions) as session:
        await stop(session, await rows.user_id(ada), job_id)
    assert (await ada.get(f"/jobs/{job_id}")).json()["status"] == "queued"
    assert await told(ada) == []


async def test_datasets_that_are_ready_faulty_or_never_came(services: Services, store: Store, ada: Visitor) -> None:
    def uploaded(name: str, status: str = "processing") -> Dataset:
        source = {"type": "upload", "files": []}
        return Dataset(id=uuid.uuid4(), user_id=owner, name=name, task="speech_to_text", source=source, status=status)

    owner = await rows.user_id(ada)
    good, bad, late = uploaded("good"), uploaded("bad"), uploaded("late", "pending")
    async with open_session(services.sessions) as session:
        await session.execute(update(Job).where(Job.lane.is_not(None)).values(status="stopped"))  # of other tests
        session.add_all([good, bad, late])
        await session.flush()
        versions = [
            DatasetVersion(dataset_id=each.id, number=1, status=each.status, prefix="p") for each in (good, bad, late)
        ]
        session.add_all(versions)
        await session.flush()
        for dataset, version in zip((good, bad), versions, strict=False):
            await begin_ingestion(session, services.settings, dataset, version)
        long_ago = datetime.now(UTC) - timedelta(days=1)
        session.add(Upload(dataset_id=late.id, position=0, name="a", size=1, key="k", expires_at=long_ago))
        await session.commit()

    async def ingest(config: IngestionRunConfig) -> Driver:
        if str(bad.id) in (config.version or ""):
            return failed("nothing is good")
        return await asyncio.to_thread(leave_version, store, config)

    queue = Ingestions(services, store, run=ingest)
    async with asyncio.timeout(30):
        while len(found := {item["name"]: item for item in await kept(ada)}) < 3:
            await queue.round()
            await asyncio.sleep(0.05)
    await queue.close()
    assert {name: item["kind"] for name, item in found.items()} == {
        "good": "dataset_ready",
        "bad": "dataset_error",
        "late": "dataset_error",
    }
    assert found["bad"]["detail"] == "nothing is good"
    assert "never completed" in found["late"]["detail"]


async def test_a_pipeline_and_its_jobs(services: Services, ada: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    body = {"name": "p", "dataset_id": dataset_id, "model_id": "whisper-pico", "config": rows.CONFIG}
    branches = [{"type": "train", "name": name, "needs": ["ingest"]} for name in ("one", "two", "three")]
    body |= {"stages": [{"type": "ingest"}, *branches]}
    pipeline = (await ada.post("/pipelines", json=body)).json()
    runner = PipelineRunner(services.settings, services.sessions)
    await runner.round()
    assert (await ada.post(f"/pipelines/{pipeline['id']}/stop")).status_code == 202
    for _ in range(3):
        await runner.round()
    assert (await ada.get(f"/pipelines/{pipeline['id']}")).json()["status"] == "stopped"
    assert await told(ada) == ["job_stopped"] * 3 + ["pipeline_stopped"]
    last = (await kept(ada))[-1]
    assert (last["name"], last["resource_id"]) == ("p", pipeline["id"])
    assert (await ada.post(f"/pipelines/{pipeline['id']}/resume")).status_code < 300
    assert (await ada.post(f"/pipelines/{pipeline['id']}/stop")).status_code < 300
    for _ in range(3):
        await runner.round()
    assert (await told(ada))[-1] == "pipeline_stopped"
    assert (await told(ada)).count("pipeline_stopped") == 2


async def test_jobs_that_end_while_their_pipeline_stops_hold_nobody_up(services: Services, scene: Scene) -> None:
    """Both lock jobs and the counter of the same user."""
    dataset_id = str(await rows.ready_dataset(services, scene.visitor))
    branches = [{"type": "train", "name": f"t{number}", "needs": ["ingest"]} for number in range(6)]
    body = {"name": "p", "dataset_id": dataset_id, "model_id": "whisper-pico", "config": rows.CONFIG}
    body |= {"stages": [{"type": "ingest"}, *branches]}
    pipeline = (await scene.visitor.post("/pipelines", json=body)).json()
    runner = PipelineRunner(services.settings, services.sessions)
    await runner.round()
    stages = (await scene.visitor.get(f"/pipelines/{pipeline['id']}")).json()["stages"]
    jobs = [stage["job_id"] for stage in stages if stage["job_id"]]
    assert len(jobs) == 6
    await scene.visitor.post(f"/pipelines/{pipeline['id']}/stop")
    answers = await asyncio.gather(
        runner.round(), *(scene.visitor.post(f"/jobs/{job_id}/stop") for job_id in reversed(jobs))
    )
    assert {answer.status_code for answer in answers[1:]} <= {202, 409}
    await runner.round()
    assert sorted(await told(scene.visitor)) == ["job_stopped"] * 6 + ["pipeline_stopped"]


# ---- listed, marked, deleted ---------------------------------------------------------------------------------


async def test_the_list_its_pages_and_its_filters(services: Services, ada: Visitor, bob: Visitor) -> None:
    await stopped_jobs(services, ada, 5)
    first = (await ada.get("/notifications", params={"limit": 3})).json()
    assert (first["total"], first["unread"], first["last_seq"], len(first["items"])) == (5, 5, 5, 3)
    second = (await ada.get("/notifications", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["seq"] for item in first["items"] + second["items"]] == [5, 4, 3, 2, 1]
    assert second["next_cursor"] is None
    assert [item["name"] for item in await kept(ada, q="JOB 3")] == ["job 3"]
    assert await kept(ada, kind="job_failed") == []
    answer = await bob.get("/notifications")
    assert answer.json() == {"items": [], "total": 0, "next_cursor": None, "unread": 0, "last_seq": 0}


async def test_marking_and_deleting(services: Services, ada: Visitor) -> None:
    await stopped_jobs(services, ada, 4)
    one, two, three, four = [item["id"] for item in await kept(ada)]
    read = (await ada.call("PATCH", f"/notifications/{one}", json={"read": True})).json()
    assert read["read_at"] is not None
    again = (await ada.call("PATCH", f"/notifications/{one}", json={"read": True})).json()
    assert again["read_at"] == read["read_at"]
    assert [item["id"] for item in await kept(ada, unread="true")] == [two, three, four]
    assert [item["id"] for item in await kept(ada, unread="false")] == [one]
    back = (await ada.call("PATCH", f"/notifications/{one}", json={"read": False})).json()
    assert back["read_at"] is None
    assert (await ada.post("/notifications/read", params={"up_to": 2})).json() == {"marked": 2}
    assert (await ada.get("/notifications")).json()["unread"] == 2
    assert (await ada.post("/notifications/read")).json() == {"marked": 2}
    assert (await ada.call("DELETE", f"/notifications/{two}")).status_code == 204
    gone = await ada.get(f"/notifications/{two}")
    assert (gone.status_code, gone.json()["code"]) == (404, "notification_not_found")
    assert (await ada.get("/notifications")).json()["last_seq"] == 4
    assert (await ada.get(f"/notifications/{four}")).json()["id"] == four
    assert (await ada.call("PATCH", f"/notifications/{four}", json={})).status_code == 422


async def test_only_what_is_wanted_is_told(services: Services, ada: Visitor) -> None:
    path = "/users/me/notification-settings"
    assert (await ada.get(path)).json() == {"kinds": None, "webhook": None}
    chosen = await ada.call("PATCH", path, json={"kinds": ["job_failed", "dataset_error"]})
    assert chosen.json()["kinds"] == ["dataset_error", "job_failed"]
    await stopped_jobs(services, ada, 1)
    assert await told(ada) == []
    assert (await ada.call("PATCH", path, json={"kinds": None})).json()["kinds"] is None
    await stopped_jobs(services, ada, 1)
    assert await told(ada) == ["job_stopped"]
    assert (await ada.call("PATCH", path, json={"kinds": ["job_sneezed"]})).status_code == 422


async def test_read_ones_go_after_a_while_and_unread_ones_after_a_year(services: Services, ada: Visitor) -> None:
    await stopped_jobs(services, ada, 4)
    owner = await rows.user_id(ada)
    now = datetime.now(UTC)
    day = timedelta(days=1)
    changes: dict[int, dict[str, Any]] = {
        1: {"read_at": now - 31 * day},
        2: {"read_at": now - 29 * day},
        3: {"created_at": now - timedelta(seconds=UNREAD_S) - day},
    }
    async with open_session(services.sessions) as session:
        for seq, values in changes.items():
            mine = (Notification.user_id == owner, Notification.seq == seq)
            await session.execute(update(Notification).where(*mine).values(**values))
        await session.commit()
    await sweep(services.sessions, services.settings)
    assert [item["seq"] for item in await kept(ada)] == [2, 4]


# ---- live ----------------------------------------------------------------------------------------------------


async def read_messages(stream: Any, count: int) -> list[dict[str, Any]]:
    """The next notifications of a stream."""
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while len(messages) < count:
            block = (await anext(stream)).decode()
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
            if "data" in fields:
                assert fields["event"] == "notification"
                data = json.loads(fields["data"])
                NotificationOut.model_validate(data)
                assert int(fields["id"]) == data["seq"]
                messages.append(data)
    return messages


async def test_the_stream_tells_everything_once_and_live(services: Services, ada: Visitor) -> None:
    await stopped_jobs(services, ada, 2)
    owner = await rows.user_id(ada)
    stream = stream_notifications(services, ada.login_id, owner, 0)
    assert await anext(stream) == b"retry: 1000\n\n"
    assert [each["seq"] for each in await read_messages(stream, 2)] == [1, 2]
    waiting = asyncio.create_task(read_messages(stream, 2))
    began = asyncio.get_running_loop().time()
    await stopped_jobs(services, ada, 2)
    live = await waiting
    assert asyncio.get_running_loop().time() - began < 4.0  # told, not found by looking now and then
    assert [each["seq"] for each in live] == [3, 4]
    assert live == (await kept(ada))[2:]
    await stream.aclose()


async def test_a_reader_goes_on_where_it_was_and_comes_again(services: Services, ada: Visitor) -> None:
    await stopped_jobs(services, ada, 3)
    short = services.settings.model_copy(update={"access_token_s": 1})
    services = Services.of(short, objects=services.objects)
    owner = await rows.user_id(ada)
    blocks = [block async for block in stream_notifications(services, ada.login_id, owner, 2)]  # it ends by itself
    assert [block.decode().split("\n")[0] for block in blocks if block.startswith(b"id")] == ["id: 3"]
    await services.close()


async def test_a_number_that_is_too_long_is_refused(ada: Visitor) -> None:
    assert (await ada.get("/notifications/events", headers={"Last-Event-ID": "x" * 50})).status_code == 422
