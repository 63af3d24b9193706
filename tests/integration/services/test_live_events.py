"""The stream of everything that changes: live, complete, in order, resumed at any replica, and one's own."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from services.api import live_reader, live_stream
from services.api.app import create_app_on
from services.api.context import Services
from services.api.live_models import LIVE_EVENT
from services.api.live_position import Position, followed
from services.api.live_reader import LiveReader
from services.api.live_stream import stream_live
from services.database.engine import open_session
from services.database.housekeeping import GONE_S, sweep
from services.database.models import EVENT_KINDS, Change, Dataset, Job, Pipeline, PipelineStage, User
from services.jobs.events import append, locked_job
from services.pipelines.runner import PipelineRunner
from tests.integration.services import rows
from tests.integration.services.uploads import Ingestions
from tests.integration.services.visitors import Visitor, with_key


def parsed(block: bytes) -> dict[str, Any] | None:
    """The data of an event with its id; None: no event."""
    fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if line and line[0] != ":")
    if "data" not in fields:
        return None
    data: dict[str, Any] = json.loads(fields["data"])
    LIVE_EVENT.validate_python(data)
    assert fields["event"] == data["kind"]
    assert Position.read(fields["id"]) is not None
    return {**data, "at": fields["id"]}


class Reader:
    """Somebody who reads a stream."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self.events: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        """The next event."""
        async with asyncio.timeout(30):
            while (found := parsed(await anext(self._stream))) is None:
                pass
        self.events.append(found)
        return found

    async def until(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next event of which this holds."""
        while not is_it(found := await self.next()):
            pass
        return found

    async def is_quiet(self, seconds: float = 0.8) -> bool:
        """Whether no event comes for a while; a stream that was waited for so cannot be read further."""
        try:
            async with asyncio.timeout(seconds):
                found = await self.next()
        except TimeoutError:
            return True
        raise AssertionError(f"nothing should come, and this did: {found}")


@asynccontextmanager
async def reading(
    services: Services, visitor: Visitor, at: str | None = None, jobs: list[str] | None = None
) -> AsyncIterator[Reader]:
    """A reader, after the greeting."""
    position = Position.read(at) if at else None
    owner = await rows.user_id(visitor)
    stream = stream_live(services, visitor.login_id, owner, position, followed(jobs or [], position))
    async with aclosing(stream):
        reader = Reader(stream)
        ready = await reader.next()
        assert ready["kind"] == "ready"
        yield reader


def of_job(job_id: uuid.UUID, **state: Any) -> Callable[[dict[str, Any]], bool]:
    """Whether an event tells that a job is in a state."""

    def is_it(event: dict[str, Any]) -> bool:
        job = event.get("job") or {}
        return event["id"] == str(job_id) and state.items() <= job.items()

    return is_it


async def rename(services: Services, job_id: uuid.UUID, name: str) -> None:
    """Change a job without an event of its own."""
    async with open_session(services.sessions) as session:
        await session.execute(update(Job).where(Job.id == job_id).values(name=name))
        await session.commit()


async def stop(visitor: Visitor, job_id: uuid.UUID) -> None:
    """Stop a queued job, which leaves a notification."""
    assert (await visitor.post(f"/jobs/{job_id}/stop")).status_code == 202


# ---- every kind, live ----------------------------------------------------------------------------------------


async def test_a_job_is_told_from_its_launch_to_its_deletion(services: Services, ada: Visitor) -> None:
    dataset_id = await rows.ready_dataset(services, ada)
    async with reading(services, ada) as reader:
        assert reader.events[0]["resumed"] is False
        body = {"model_id": "whisper-pico", "dataset_id": str(dataset_id), "config": rows.CONFIG}
        job_id = uuid.UUID((await ada.post("/jobs", json=body)).json()["id"])
        launched = await reader.until(of_job(job_id, status="queued"))
        assert (launched["kind"], launched["deleted"], launched["job"]["last_seq"]) == ("job", False, 1)
        await rows.say(services, job_id, rows.metric(5, loss=1.5, progress=0.25), status="running")
        running = await reader.until(of_job(job_id, status="running"))
        shown = (await ada.get(f"/jobs/{job_id}")).json()
        assert running["job"] == {name: shown[name] for name in running["job"]}
        assert (running["job"]["progress"], running["job"]["metrics"]["loss"], shown["last_seq"]) == (0.25, 1.5, 2)
        await ada.call("PATCH", f"/jobs/{job_id}", json={"name": "another"})
        await reader.until(of_job(job_id, name="another"))
        await rows.say(services, job_id, status="failed")
        await rename(services, job_id, "gone soon")
        await reader.until(of_job(job_id, name="gone soon"))
        assert (await ada.call("DELETE", f"/jobs/{job_id}")).status_code == 204
        gone = await reader.until(lambda event: event.get("deleted") is True)
        assert (gone["kind"], gone["id"], gone["job"]) == ("job", str(job_id), None)


async def test_a_sweep_has_a_kind_of_its_own(services: Services, ada: Visitor) -> None:
    async with reading(services, ada) as reader:
        sweep_id = await rows.job(services, ada, "queued", type="sweep")
        told = await reader.until(of_job(sweep_id))
        assert (told["kind"], told["job"]["type"]) == ("sweep", "sweep")


async def test_a_dataset_is_told_with_the_progress_of_its_ingestion(services: Services, ada: Visitor) -> None:
    dataset_id = await rows.ready_dataset(services, ada)
    async with reading(services, ada) as reader:
        job_id = await rows.ingestion(services, dataset_id, "running")
        await rows.say(services, job_id, rows.metric(1, progress=0.5))
        told = await reader.until(lambda event: (event.get("dataset") or {}).get("progress") == 0.5)
        assert (told["id"], told["dataset"]["job_id"], told["dataset"]["version"]) == (str(dataset_id), str(job_id), 1)
        async with open_session(services.sessions) as session:
            await session.execute(update(Dataset).where(Dataset.id == dataset_id).values(status="error", error="empty"))
            await session.commit()
        failed = await reader.until(lambda event: (event.get("dataset") or {}).get("status") == "error")
        assert failed["dataset"]["error"] == "empty"
        await rows.say(services, job_id, status="failed")
        assert (await ada.call("DELETE", f"/datasets/{dataset_id}")).status_code == 204
        gone = await reader.until(lambda event: event["kind"] == "dataset" and event["deleted"])
        assert (gone["id"], gone["dataset"]) == (str(dataset_id), None)


async def test_a_real_upload_is_told_to_its_end(services: Services, queue: Ingestions, ada: Visitor) -> None:
    async with reading(services, ada) as reader:
        body = {"name": "never", "source": {"type": "upload", "files": [{"name": "a.zip", "size": 1}]}}
        made = (await ada.post("/datasets", json=body)).json()["dataset"]
        told = await reader.until(lambda event: event["kind"] == "dataset")
        assert (told["dataset"]["name"], told["dataset"]["status"], told["dataset"]["progress"]) == (
            "never",
            "pending",
            None,
        )
        shown = (await ada.get(f"/datasets/{made['id']}")).json()
        assert {name: shown[name] for name in told["dataset"] if name in shown} == {
            name: value for name, value in told["dataset"].items() if name in shown
        }


async def test_a_pipeline_is_told_with_its_stages_and_their_jobs(services: Services, ada: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    body = {"name": "p", "dataset_id": dataset_id, "model_id": "whisper-pico", "config": rows.CONFIG}
    body |= {"stages": [{"type": "ingest"}, {"type": "train", "needs": ["ingest"]}]}
    async with reading(services, ada) as reader:
        pipeline = (await ada.post("/pipelines", json=body)).json()

        def has(event: dict[str, Any], **stage: Any) -> bool:
            stages = (event.get("pipeline") or {"stages": []})["stages"]
            return any(stage.items() <= each.items() for each in stages)

        runner = PipelineRunner(services.settings, services.sessions)
        await runner.round()
        started = await reader.until(lambda event: has(event, name="train", status="running"))
        [job_id] = [each["job_id"] for each in started["pipeline"]["stages"] if each["job_id"]]
        await rows.say(services, uuid.UUID(job_id), rows.metric(1, progress=0.5))
        moved = await reader.until(lambda event: has(event, name="train", progress=0.5))
        assert moved["pipeline"]["progress"] == 0.75
        assert (await ada.post(f"/pipelines/{pipeline['id']}/stop")).status_code == 202
        for _ in range(3):
            await runner.round()
        stopped = await reader.until(lambda event: (event.get("pipeline") or {}).get("status") == "stopped")
        assert stopped["id"] == pipeline["id"]
        assert (await ada.call("DELETE", f"/pipelines/{pipeline['id']}")).status_code == 204
        gone = await reader.until(lambda event: event["kind"] == "pipeline" and event["deleted"])
        assert gone["id"] == pipeline["id"]
        async with open_session(services.sessions) as session:
            assert await session.get(Pipeline, uuid.UUID(pipeline["id"])) is None
            assert not (
                await session.scalars(
                    select(PipelineStage.id).where(PipelineStage.pipeline_id == uuid.UUID(pipeline["id"]))
                )
            ).all()


async def test_notifications_and_what_other_tabs_do_with_them(services: Services, ada: Visitor) -> None:
    jobs = [await rows.job(services, ada, "queued") for _ in range(2)]
    async with reading(services, ada) as reader:
        for job_id in jobs:
            await stop(ada, job_id)
        second = await reader.until(lambda event: event["kind"] == "notification" and event["notification"]["seq"] == 2)
        kept = (await ada.get("/notifications")).json()["items"]
        assert second["notification"] == kept[0]
        assert second["id"] == kept[0]["id"]
        await reader.until(lambda event: event["kind"] == "notifications" and event["unread"] == 2)
        await ada.post("/notifications/read", params={"up_to": 1})
        marked = await reader.until(lambda event: event["kind"] == "notifications")
        assert (marked["unread"], marked["last_seq"]) == (1, 2)
        await ada.call("DELETE", f"/notifications/{kept[0]['id']}")
        assert (await reader.until(lambda event: event["kind"] == "notifications"))["unread"] == 0
        assert [event["notification"]["seq"] for event in reader.events if event["kind"] == "notification"] == [1, 2]


async def test_a_change_is_told_at_once_and_many_are_merged(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    async with reading(services, ada) as reader:
        await asyncio.sleep(0.5)
        began_s = time.monotonic()
        await rename(services, job_id, "first")
        await reader.until(of_job(job_id, name="first"))
        assert time.monotonic() - began_s < 3.0 < live_stream._LOOK_EVERY_S
        for number in range(40):
            await rename(services, job_id, f"number {number}")
        told = len(reader.events)
        await reader.until(of_job(job_id, name="number 39"))
        assert len(reader.events) - told < 40


# ---- nothing lost, nothing repeated --------------------------------------------------------------------------


async def test_what_happened_meanwhile_is_told_to_who_comes_back(services: Services, ada: Visitor) -> None:
    kept, changed, deleted = [await rows.job(services, ada, "queued", name=name) for name in ("a", "b", "c")]
    await stop(ada, deleted)
    async with reading(services, ada) as reader:
        at = reader.events[0]["at"]
    await rename(services, changed, "renamed")
    await stop(ada, kept)
    await ada.call("DELETE", f"/jobs/{deleted}")
    made = await rows.job(services, ada, name="new")
    async with reading(services, ada, at) as reader:
        assert reader.events[0]["resumed"] is True
        wanted = {str(kept), str(changed), str(deleted), str(made)}
        while wanted - {event["id"] for event in reader.events}:
            await reader.next()
        told = {event["id"]: event for event in reader.events}
        assert told[str(changed)]["job"]["name"] == "renamed"
        assert told[str(kept)]["job"]["status"] == "stopped"
        assert told[str(deleted)]["deleted"] is True
        await reader.until(lambda event: event["kind"] == "notifications")
        found = [event["notification"]["seq"] for event in reader.events if event["kind"] == "notification"]
        assert found == [2]  # the first one was there before
        at = reader.events[-1]["at"]
        assert await reader.is_quiet()
    async with reading(services, ada, at) as reader:
        assert await reader.is_quiet()


async def test_a_reader_that_breaks_off_after_any_event_misses_nothing(services: Services, ada: Visitor) -> None:
    """It resumes after each event in turn, as if the connection had been lost there."""
    watched = await rows.job(services, ada, "queued", name="watched")
    others = [await rows.job(services, ada, "queued") for _ in range(3)]
    async with reading(services, ada, jobs=[f"{watched}:0"]) as reader:
        at = reader.events[0]["at"]
    await rows.say(services, watched, *(rows.metric(step) for step in range(1, 4)))
    for job_id in others:
        await stop(ada, job_id)
    seqs: list[int] = []
    steps: list[int] = []
    states: set[str] = set()
    for _ in range(12):
        async with reading(services, ada, at, jobs=[str(watched)]) as reader:
            try:
                async with asyncio.timeout(1.0):
                    event = await reader.next()
            except TimeoutError:
                break
        at = event["at"]
        if event["kind"] == "notification":
            seqs.append(event["notification"]["seq"])
        elif event["kind"] == "metric":
            steps.append(event["event"]["step"])
        elif event["kind"] == "job":
            states.add(event["id"])
    # States that come before the last event of a look are told again: only the first of them is reached here.
    assert (seqs, steps) == ([1, 2, 3], [1, 2, 3])
    async with reading(services, ada, at, jobs=[str(watched)]) as reader:
        while states < {str(watched), *map(str, others)}:
            event = await reader.next()
            states |= {event["id"]} if event["kind"] == "job" else set()


async def test_an_older_transaction_that_ends_later_is_told_and_delays_nobody(services: Services, ada: Visitor) -> None:
    """The newest number of a transaction is no position: an older one may still be open."""
    slow, quick = await rows.job(services, ada), await rows.job(services, ada)
    async with reading(services, ada) as reader:
        async with open_session(services.sessions) as session:
            await session.execute(update(Job).where(Job.id == slow).values(name="slow"))  # has its number now
            await rename(services, quick, "quick")  # does not wait for it
            told = await reader.until(of_job(quick, name="quick"))
            await rename(services, quick, "again")
            at = (await reader.until(of_job(quick, name="again")))["at"]
            await session.commit()
        await reader.until(of_job(slow, name="slow"))
        assert [event["id"] for event in reader.events].count(str(slow)) == 1
    for each in (told["at"], at):
        async with reading(services, ada, each) as reader:
            await reader.until(of_job(slow, name="slow"))


async def test_an_open_transaction_makes_nothing_come_twice(services: Services, ada: Visitor) -> None:
    job_id, others = await rows.job(services, ada), await rows.job(services, ada)
    async with open_session(services.sessions) as session:
        await session.execute(select(func.pg_current_xact_id()))
        async with reading(services, ada) as reader:
            await rename(services, job_id, "once")
            await reader.until(of_job(job_id, name="once"))
            await rename(services, others, "twice")
            await reader.until(of_job(others, name="twice"))
            assert [event["id"] for event in reader.events[1:]] == [str(job_id), str(others)]
            assert await reader.is_quiet()


async def test_a_look_that_fails_anywhere_loses_nothing(services: Services, ada: Visitor) -> None:
    watched = await rows.job(services, ada, "queued")
    owner = await rows.user_id(ada)
    async with open_session(services.sessions, reads=True) as session:
        reader = LiveReader(owner, None, {watched: 0})
        await reader.look(session)
        await rows.say(services, watched, rows.metric(1), rows.metric(2))
        await stop(ada, await rows.job(services, ada, "queued"))
        failures, look = 0, None
        while look is None:
            left = failures

            async def fails(*_: Any, **__: Any) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    raise OperationalError("SELECT", {}, Exception("the connection is lost"))

            broken = _Broken(session, fails)
            try:
                look = await reader.look(broken)  # type: ignore[arg-type]  # stands in for a session
            except OperationalError:
                failures += 1
    assert failures > 3
    events = [event for message in look.messages if (event := parsed(message)) is not None]
    assert [event["event"]["step"] for event in events if event["kind"] == "metric"] == [1, 2]
    assert [event["notification"]["seq"] for event in events if event["kind"] == "notification"] == [1]
    assert len([event for event in events if event["kind"] == "job"]) == 2


class _Broken:
    """A session whose connection is lost at some query."""

    def __init__(self, session: AsyncSession, before: Callable[..., Any]) -> None:
        self._session = session
        self._before = before

    async def execute(self, *arguments: Any) -> Any:
        await self._before()
        return await self._session.execute(*arguments)

    async def scalars(self, *arguments: Any) -> Any:
        await self._before()
        return await self._session.scalars(*arguments)

    async def scalar(self, *arguments: Any) -> Any:
        await self._before()
        return await self._session.scalar(*arguments)


async def test_too_much_at_once_is_told_by_one_event(
    services: Services, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_reader, "MOST_TOLD", 5)
    dataset_id = await rows.ready_dataset(services, ada)
    async with reading(services, ada) as reader:
        at = reader.events[0]["at"]
    jobs = [await rows.job(services, ada, dataset_id=dataset_id) for _ in range(6)]
    for _ in range(2):
        async with reading(services, ada, at) as reader:
            assert (await reader.next())["kind"] == "reset"
            await rename(services, jobs[0], f"later {uuid.uuid4()}")
            told = await reader.next()
            assert (told["kind"], told["id"]) == ("job", str(jobs[0]))


@pytest.mark.parametrize(
    "position", ["", "nonsense", "7", "1.2.3.4", "1.2.3.zz-1", f"{'9' * 18}.0.{'9' * 10}", "1.0.1"]
)
async def test_a_position_that_is_none_or_too_old_begins_anew(services: Services, ada: Visitor, position: str) -> None:
    job_id = await rows.job(services, ada)
    async with reading(services, ada, position) as reader:
        assert reader.events[0]["resumed"] is False
        await rename(services, job_id, "told")
        await reader.until(of_job(job_id, name="told"))


async def test_a_position_is_good_for_a_day(services: Services, ada: Visitor) -> None:
    async with reading(services, ada) as reader:
        position = Position.read(reader.events[0]["at"])
    assert position is not None
    for age_s, is_known in ((GONE_S - 60, True), (GONE_S + 60, False)):
        async with reading(services, ada, str(replace(position, told_s=position.told_s - age_s))) as reader:
            assert reader.events[0]["resumed"] is is_known


async def test_what_was_deleted_is_forgotten_after_that(services: Services, ada: Visitor) -> None:
    jobs = [await rows.job(services, ada, "failed") for _ in range(2)]
    owner = await rows.user_id(ada)
    async with open_session(services.sessions) as session:
        for job_id in jobs:
            await session.delete(await session.get_one(Job, job_id))
        await session.commit()
        old = update(Change).where(Change.row_id == jobs[0])
        await session.execute(old.values(gone_at=Change.gone_at - func.make_interval(0, 0, 0, 3)))
        await session.commit()
    await sweep(services.sessions, services.settings)
    async with open_session(services.sessions) as session:
        left = select(Change.row_id).where(Change.user_id == owner, Change.kind == "job")
        assert (await session.scalars(left)).all() == [jobs[1]]


# ---- events of jobs that one looks at ------------------------------------------------------------------------


async def test_the_events_of_a_job_are_told_after_the_history(services: Services, ada: Visitor) -> None:
    job_id, other = await rows.job(services, ada), await rows.job(services, ada)
    await rows.say(services, job_id, *(rows.metric(step) for step in range(1, 1200)))
    shown = (await ada.get(f"/jobs/{job_id}")).json()
    log = {"kind": "log", "key": "l", "data": {"message": "hello", "kind": "odd", "id": "odd"}}
    await rows.say(services, job_id, log)
    async with reading(services, ada, jobs=[f"{job_id}:{shown['last_seq']}"]) as reader:
        told = await reader.next()
        assert (told["kind"], told["id"], told["event"]["seq"], told["event"]["message"]) == (
            "log",
            str(job_id),
            1200,
            "hello",
        )
        await rows.say(services, job_id, rows.metric(1200))
        await rows.say(services, other, rows.metric(1))
        await reader.until(of_job(job_id, step=1200))
        if not any(of_job(other, step=1)(event) for event in reader.events):
            await reader.until(of_job(other, step=1))
        assert [event["id"] for event in reader.events if event["kind"] == "metric"] == [str(job_id)]
    async with reading(services, ada, jobs=[str(job_id)]) as reader:  # only what comes from now on
        await rows.say(services, job_id, rows.metric(1201))
        assert (await reader.next())["event"]["step"] == 1201
    async with reading(services, ada, jobs=[f"{job_id}:0"]) as reader:
        async with asyncio.timeout(60):
            for _ in range(1202):
                await reader.next()
        assert [event["event"]["seq"] for event in reader.events[1:]] == list(range(1, 1203))


async def test_another_job_can_be_followed_from_the_same_place(services: Services, ada: Visitor) -> None:
    first, second = await rows.job(services, ada), await rows.job(services, ada)
    async with reading(services, ada, jobs=[f"{first}:0"]) as reader:
        await rows.say(services, first, rows.metric(1))
        at = (await reader.until(of_job(first, step=1)))["at"]
    await rows.say(services, first, rows.metric(2))
    await rows.say(services, second, rows.metric(7))
    async with reading(services, ada, at, jobs=[str(first), f"{second}:0"]) as reader:
        found = [await reader.next() for _ in range(2)]
        assert [(event["id"], event["event"]["step"]) for event in found] == [(str(first), 2), (str(second), 7)]


async def test_a_followed_job_that_is_deleted_ends_quietly(services: Services, ada: Visitor) -> None:
    job_id, other = await rows.job(services, ada, "failed"), await rows.job(services, ada)
    async with reading(services, ada, jobs=[f"{job_id}:0"]) as reader:
        assert (await ada.call("DELETE", f"/jobs/{job_id}")).status_code == 204
        gone = await reader.until(lambda event: event.get("deleted") is True)
        assert str(job_id) == gone["id"]
        await rename(services, other, "told")
        told = await reader.until(of_job(other, name="told"))
        position = Position.read(told["at"])
        assert position is not None and not position.jobs


# ---- over HTTP -----------------------------------------------------------------------------------------------


async def test_only_ones_own_is_told(services: Services, ada: Visitor, bob: Visitor) -> None:
    theirs, mine = await rows.job(services, bob, "queued"), await rows.job(services, ada)
    for job in (str(theirs), f"{theirs}:0", str(uuid.uuid4())):
        answer = await ada.get("/events", params={"job": [str(mine), job]})
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
        assert job[:36] in answer.text and str(mine) not in answer.text
    async with reading(services, bob) as reader:
        at = reader.events[0]["at"]
    async with reading(services, ada, at) as reader:  # another user's place: no more than a number
        await rows.say(services, theirs, rows.metric(1))
        await stop(bob, theirs)
        await rename(services, mine, "mine")
        await reader.until(of_job(mine, name="mine"))
        assert await reader.is_quiet()
        assert str(theirs) not in json.dumps(reader.events)


async def test_what_is_asked_must_be_readable(ada: Visitor, http: httpx.AsyncClient) -> None:
    assert (await http.get("/events")).status_code == 401
    one = str(uuid.uuid4())
    for bad in ("x", f"{one}:", f"{one}:-1", f"{one}:{'9' * 19}", one.replace("-", ""), "-" * 36):
        assert (await ada.get("/events", params={"job": bad})).status_code == 422, bad
    assert (await ada.get("/events", params={"job": [str(uuid.uuid4()) for _ in range(21)]})).status_code == 422
    assert (await ada.get("/events", headers={"Last-Event-ID": "1" * 2001})).status_code == 422


async def test_the_document_describes_the_stream(app: FastAPI) -> None:
    document = app.openapi()
    content = document["paths"]["/api/v1/events"]["get"]["responses"]["200"]["content"]
    kinds = set(content["text/event-stream"]["itemSchema"]["properties"]["event"]["enum"])
    assert kinds == {
        "ready",
        "reset",
        "job",
        "sweep",
        "dataset",
        "pipeline",
        "notification",
        "notifications",
        *EVENT_KINDS,
    }
    schemas = document["components"]["schemas"]
    for each in schemas["LiveEvent"]["oneOf"]:
        assert {"kind", "id"} <= set(schemas[each["$ref"].rpartition("/")[2]]["required"])


async def test_the_route_streams_and_ends_with_the_token(services: Services, ada: Visitor) -> None:
    short = replace(services, settings=services.settings.model_copy(update={"access_token_s": 2}))
    app = create_app_on(short)
    job_id = await rows.job(services, ada)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t/api/v1", timeout=30) as client:
        key = await with_key(services, ada, "read")
        asking = asyncio.create_task(client.get("/events", params={"job": f"{job_id}:0"}, headers=key.headers))
        await asyncio.sleep(0.5)
        await rows.say(services, job_id, rows.metric(1))
        answer = await asking
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    events = [event for block in answer.content.split(b"\n\n") if (event := parsed(block)) is not None]
    assert [event["kind"] for event in events] == ["ready", "metric", "job"]


@pytest.mark.parametrize("by", ["logout", "disabled"])
async def test_it_ends_with_the_login(services: Services, ada: Visitor, by: str) -> None:
    owner = await rows.user_id(ada)
    stream = stream_live(services, ada.login_id, owner, None, {})
    reader = Reader(stream)
    await reader.next()
    if by == "logout":
        body = {"refresh_token": ada.tokens["refresh_token"]}
        assert (await ada.http.post("/auth/logout", json=body)).status_code == 204
    else:
        async with open_session(services.sessions) as session:
            await session.execute(update(User).where(User.id == owner).values(disabled_at=func.now()))
            await session.commit()
    async with asyncio.timeout(10):
        rest = [block async for block in stream]
    assert all(parsed(block) is None for block in rest)
    assert not len(services.open_streams)


# ---- replicas, and idle streams ------------------------------------------------------------------------------


async def test_it_goes_on_at_another_replica(services: Services, ada: Visitor) -> None:
    """Each replica has connections and a listener of its own; what one changes, the readers of the other see."""
    other = Services.of(services.settings, objects=services.objects)
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app_on(other)), base_url="http://t/api/v1"
        ) as client:
            elsewhere = Visitor(client, ada.username, ada.tokens)
            job_id = await rows.job(services, ada, "queued")
            async with reading(services, ada, jobs=[f"{job_id}:0"]) as reader:
                await asyncio.sleep(0.5)
                began_s = time.monotonic()
                await elsewhere.call("PATCH", f"/jobs/{job_id}", json={"name": "from there"})
                at = (await reader.until(of_job(job_id, name="from there")))["at"]
                assert time.monotonic() - began_s < 3.0
            await stop(elsewhere, job_id)
            async with reading(other, ada, at, jobs=[str(job_id)]) as reader:
                assert reader.events[0]["resumed"] is True
                await reader.until(lambda event: event["kind"] == "notifications")
                assert [event["kind"] for event in reader.events[1:]] == [
                    "status",
                    "notification",
                    "job",
                    "notifications",
                ]
                assert reader.events[1]["event"]["status"] == "stopped"
    finally:
        await other.close()


async def test_a_lost_notification_only_delays(
    services: Services, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_stream, "_LOOK_EVERY_S", 0.5)
    monkeypatch.setattr(services.changes, "_wake", lambda _: None)
    job_id = await rows.job(services, ada)
    async with reading(services, ada) as reader:
        await rename(services, job_id, "found")
        await reader.until(of_job(job_id, name="found"))


async def test_who_listens_anew_looks_again(services: Services, ada: Visitor) -> None:
    """A listener whose connection was lost does not know what it missed."""
    job_id = await rows.job(services, ada)
    async with reading(services, ada) as reader:
        await asyncio.sleep(0.5)
        async with open_session(services.sessions) as session:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%lim_changes%'"
            await session.execute(text(ended))
            await session.execute(update(Job).where(Job.id == job_id).values(name="missed"))
            await session.commit()
        began_s = time.monotonic()
        await reader.until(of_job(job_id, name="missed"))
        assert time.monotonic() - began_s < 5.0 < live_stream._LOOK_EVERY_S


async def test_idle_streams_ask_nothing(services: Services, ada: Visitor, bob: Visitor) -> None:
    """Fifty of them, of two users; and a change of one wakes the streams of one user only."""
    streams = []
    for number in range(50):
        who = ada if number % 2 else bob
        streams.append(Reader(stream_live(services, who.login_id, await rows.user_id(who), None, {})))
    job_id = await rows.job(services, ada)
    waiting = []
    for reader in streams:
        await reader.next()
        waiting.append(asyncio.create_task(reader.next()))
    await asyncio.sleep(2.5)  # everybody has looked again since the listener listens
    asked = 0

    def count(*_: Any) -> None:
        nonlocal asked
        asked += 1

    engine = services.engine.sync_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", count)
    try:
        await asyncio.sleep(3.0)
        idle = asked
        await rename(services, job_id, "told")
        await asyncio.sleep(1.5)
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", count)
    assert idle <= 5, "the watch over logins, every two seconds"
    assert [task.done() for task in waiting] == [bool(number % 2) for number in range(50)]
    assert asked - idle <= 25 * 6
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_writers_do_not_wait_for_each_other(services: Services, ada: Visitor) -> None:
    """Transactions that change a user's resources in opposite orders, as pipelines and their jobs do."""
    jobs = [await rows.job(services, ada) for _ in range(4)]

    async def write(order: list[uuid.UUID]) -> None:
        for job_id in order:
            async with open_session(services.sessions) as session:
                row = await locked_job(session, job_id)
                assert row is not None
                await append(session, row, [{"kind": "log", "key": uuid.uuid4().hex, "data": {"message": "m"}}])
                await session.commit()

    async with asyncio.timeout(60):
        await asyncio.gather(*(write(jobs if number % 2 else jobs[::-1]) for number in range(8)))
    async with open_session(services.sessions) as session:
        assert list(await session.scalars(select(Job.last_seq).where(Job.id.in_(jobs)))) == [8] * 4
