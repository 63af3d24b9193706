"""Events: one order per job, no repeats, replayed to any reader; and what they change in the job's row."""

from __future__ import annotations

import asyncio
import json
import math
import re
import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.api import event_stream
from services.api.app import create_app_on
from services.api.context import Services
from services.api.event_stream import stream_events
from services.api.job_models import EventOut
from services.database.engine import open_session
from services.database.notify import EVENTS, notify
from services.database.prepared import Prepared
from services.jobs.intake import take_events
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

STOPPED = {"kind": "status", "key": "end", "time": "2026-01-01T00:00:09Z", "data": {"status": "stopped"}}


def parse(text: str) -> list[dict[str, Any]]:
    """The messages of an event stream."""
    messages = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            messages.append({"id": int(fields["id"]), "event": fields["event"], "data": json.loads(fields["data"])})
    return messages


async def test_a_stream_tells_everything_once_and_ends(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    await rows.say(services, job_id, rows.metric(1, loss=2.0), rows.metric(2, loss=1.0))
    await rows.say(services, job_id, rows.metric(2, loss=1.0), rows.metric(3, loss=0.5))  # a resumed run says 2 again
    await rows.say(services, job_id, STOPPED, status="stopped")
    answer = await ada.get(f"/jobs/{job_id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    messages = parse(answer.text)
    assert [message["id"] for message in messages] == [1, 2, 3, 4]
    assert [message["event"] for message in messages] == ["metric", "metric", "metric", "status"]
    assert [message["data"].get("loss") for message in messages] == [2.0, 1.0, 0.5, None]
    assert messages[0]["data"] == {
        "step": 1,
        "loss": 2.0,
        "event_key": "train/1",
        "seq": 1,
        "time": "2026-01-01T00:00:00.000Z",
    }


async def test_the_document_says_what_an_event_of_the_stream_is(app: FastAPI, services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    await rows.say(services, job_id, rows.metric(1, loss=2.0))
    await rows.say(services, job_id, STOPPED, status="stopped")
    answer = app.openapi()["paths"]["/api/v1/jobs/{job_id}/events"]["get"]["responses"]["200"]
    told = answer["content"]["text/event-stream"]["itemSchema"]["properties"]
    for block in filter(None, (await ada.get(f"/jobs/{job_id}/events")).text.split("\n\n")):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        assert set(fields) <= set(told)
        assert re.match(told["id"]["pattern"], fields.get("id", "1"))
        assert fields.get("event", "metric") in told["event"]["enum"]
        EventOut.model_validate_json(fields.get("data", '{"seq": 1, "event_key": "k", "time": "2026-01-01T00:00:00Z"}'))


async def test_a_reader_goes_on_where_it_was_on_another_replica(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    await rows.say(services, job_id, *(rows.metric(step) for step in range(1, 8)))
    await rows.say(services, job_id, STOPPED, status="stopped")
    other = httpx.AsyncClient(transport=httpx.ASGITransport(create_app_on(services)), base_url="http://t/api/v1")
    for seen in (0, 3, 7, 8, 100):
        answer = await other.get(f"/jobs/{job_id}/events", headers={**ada.headers, "Last-Event-ID": str(seen)})
        assert [message["id"] for message in parse(answer.text)] == list(range(seen + 1, 9))


async def test_events_arrive_while_they_happen(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    stream = stream_events(services, ada.login_id, job_id, 0)
    assert (await anext(stream)).startswith(b"retry")
    for step in (1, 2, 3):
        await rows.say(services, job_id, rows.metric(step))
        async with asyncio.timeout(20):
            message = await anext(stream)
        assert message.startswith(f"id: {step}\n".encode())
    await rows.say(services, job_id, STOPPED, status="stopped")
    async with asyncio.timeout(20):
        rest = [part async for part in stream]
    assert parse(b"".join(rest).decode())[-1]["data"]["status"] == "stopped"


async def test_many_writers_and_repeats_make_one_order_without_holes(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    batches = [[rows.metric(step) for step in range(start, start + 10)] for start in range(0, 100, 5)]
    await asyncio.gather(*(take_events(services.sessions, job_id, batch) for batch in batches))
    history = (await ada.get(f"/jobs/{job_id}/metrics", params={"limit": 1000})).json()
    assert [item["seq"] for item in history["items"]] == list(range(1, 106))
    assert sorted(item["step"] for item in history["items"]) == list(range(105))
    assert history["total"] == 105


async def test_the_row_shows_the_newest_of_everything(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada, status="starting")
    found = {"wer": 0.5, "cer": 0.3, "odd": math.nan, "odder": "much"}
    evaluation = {"step": 0, "split": "test", "which": "base", "primary": "cer", "metrics": found, "examples": 4}
    await take_events(
        services.sessions,
        job_id,
        [
            {"kind": "status", "key": "s", "data": {"phase": "training"}},
            {"kind": "metric", "key": "evaluation/test/base", "data": evaluation},
            {
                "kind": "metric",
                "key": "evaluation/validation/5",
                "data": {**evaluation, "split": "validation", "which": "tuned", "metrics": {"wer": 0.4, "cer": 0.2}},
            },
            {"kind": "metric", "key": "evaluation/test/nothing", "data": {**evaluation, "metrics": "much"}},
            rows.metric(5, loss=1.5, progress=0.25, epoch=0.5, learning_rate=1e-3, grad_norm=math.nan),
            rows.metric(10, loss=1.25, progress=0.5, epoch=1.0),
        ],
    )
    job = (await ada.get(f"/jobs/{job_id}")).json()
    assert (job["status"], job["phase"], job["progress"], job["epoch"], job["step"]) == (
        "running",
        "training",
        0.5,
        1.0,
        10,
    )
    assert job["metrics"] == {
        "loss": 1.25,
        "learning_rate": 1e-3,
        "base": {"wer": 0.5, "cer": 0.3},
        "validation": {"wer": 0.4, "cer": 0.2},
        "primary": "cer",
    }


async def test_a_run_of_an_earlier_release_is_kept_in_todays_form(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    measured = {"step": 5, "split": "test", "which": "adapter", "wer": 0.5, "cer": 0.3, "utterances": 4}
    told = [
        rows.metric(5, loss=1.5, audio_s_per_s=9.0),
        {"kind": "metric", "key": "evaluation/test/adapter", "data": measured},
    ]
    await take_events(services.sessions, job_id, told)
    history = (await ada.get(f"/jobs/{job_id}/metrics")).json()["items"]
    assert (history[0]["cost_per_s"], history[0]["cost_unit"]) == (9.0, "audio_s")
    assert (history[1]["which"], history[1]["metrics"], history[1]["examples"]) == (
        "tuned",
        {"wer": 0.5, "cer": 0.3},
        4,
    )
    job = (await ada.get(f"/jobs/{job_id}")).json()
    assert job["metrics"] == {
        "loss": 1.5,
        "cost_per_s": 9.0,
        "cost_unit": "audio_s",
        "tuned": {"wer": 0.5, "cer": 0.3},
        "primary": "wer",
    }


async def test_a_runs_own_end_is_not_yet_the_jobs(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    done = {"kind": "status", "key": "done", "data": {"phase": "done", "status": "succeeded"}}
    artifact = {"kind": "artifact", "key": "artifact/a", "data": {"name": "a", "key": "adapter/a"}}
    await take_events(services.sessions, job_id, [done, artifact])
    stream = stream_events(services, ada.login_id, job_id, 0)
    told = [await anext(stream) for _ in range(3)]
    await stream.aclose()
    [ended, made] = parse(b"".join(told).decode())
    assert ended["data"]["phase"] == "done"
    assert ended["data"]["outcome"] == "succeeded"
    assert "status" not in ended["data"]
    assert made["data"]["key"] == "adapter/a"
    assert made["data"]["event_key"] == "artifact/a"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"kind": "gossip", "key": "x", "data": {}},
        {"kind": "log", "key": "", "data": {}},
        {"kind": "log", "key": "x", "data": "text"},
        {"kind": "log", "key": 5, "data": {}},
        {"kind": "log"},
    ],
)
async def test_what_is_no_event_is_passed_over(services: Services, ada: Visitor, event: dict[str, Any]) -> None:
    job_id = await rows.job(services, ada)
    await take_events(services.sessions, job_id, [event, rows.metric(1)])
    assert (await ada.get(f"/jobs/{job_id}/metrics")).json()["total"] == 1


async def test_odd_events_are_kept_as_far_as_they_can_be(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    odd = {"kind": "log", "key": "a\0" + "k" * 400, "time": "yesterday", "data": {"message": "\0\ud800", "n": 10**40}}
    await take_events(services.sessions, job_id, [odd, {**odd, "key": "b", "time": "2026-01-01T00:00:00"}])
    logs = (await ada.get(f"/jobs/{job_id}/logs")).json()["items"]
    assert [item["message"] for item in logs] == ["\ufffd?", "\ufffd?"]
    assert len(logs[0]["event_key"]) == 300


async def test_events_of_nobodys_job_and_of_one_that_has_ended_are_dropped(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada, status="succeeded")
    await take_events(services.sessions, uuid.uuid4(), [rows.metric(1)])
    await take_events(services.sessions, job_id, [rows.metric(1)])
    assert (await ada.get(f"/jobs/{job_id}/metrics")).json()["total"] == 0


async def test_history_comes_in_pages(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    await rows.say(services, job_id, *(rows.metric(step) for step in range(25)))
    steps: list[int] = []
    cursor = None
    while True:
        parameters = {"limit": 10} | ({"cursor": cursor} if cursor else {})
        page = (await ada.get(f"/jobs/{job_id}/metrics", params=parameters)).json()
        steps += [item["step"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert steps == list(range(25))


async def test_streams_at_the_same_place_look_together(
    services: Services, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    rows_of = Prepared.rows

    async def counted(statement: Prepared, *given: Any) -> Any:
        looks.append(given[1]["after"])
        return await rows_of(statement, *given)

    monkeypatch.setattr(event_stream, "_POLL_S", 60.0)
    job_id = await rows.job(services, ada)
    await rows.say(services, job_id, rows.metric(1))
    monkeypatch.setattr(Prepared, "rows", counted)

    async def read(after: int) -> str:
        parts = [part async for part in stream_events(services, ada.login_id, job_id, after)]
        return b"".join(parts).decode()

    async with asyncio.timeout(60):
        readers = [asyncio.create_task(read(after)) for after in (0, 0, 0, 0, 1)]
        while len(looks) < 2 or not services.events.told:  # of those at 0, of the one at 1; and all listen
            async with open_session(services.sessions) as session:
                await notify(session, EVENTS, "nobody")
                await session.commit()
            await asyncio.sleep(0.05)
        for step in (2, 3):
            await rows.say(services, job_id, rows.metric(step))
            await asyncio.sleep(0.2)
        await rows.say(services, job_id, STOPPED, status="stopped")
        read_by = [[message["id"] for message in parse(text)] for text in await asyncio.gather(*readers)]
    assert read_by == [[1, 2, 3, 4]] * 4 + [[2, 3, 4]]
    assert len(looks) <= 2 + 3 + 2  # one for each change, and two for whoever was still on the way
