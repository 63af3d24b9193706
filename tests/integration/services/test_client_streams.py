"""The client follows a job over restarts of the server, on a real database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from cluster.ports import free_port
from services.api.context import Services
from services.client import Client, Event
from services.client.generated import models
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

STOPPED = {"kind": "status", "key": "end", "time": "2026-01-01T00:00:09Z", "data": {"status": "stopped"}}


@asynccontextmanager
async def served(app: FastAPI, port: int) -> AsyncIterator[None]:
    """The application on a port, and then abruptly not."""
    config = uvicorn.Config(app, port=port, log_level="error", lifespan="off", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await running


async def until(events: list[Event], count: int) -> None:
    async with asyncio.timeout(30):
        while len(events) < count:
            await asyncio.sleep(0.02)


async def test_a_job_is_followed_over_two_restarts(app: FastAPI, services: Services, ada: Visitor) -> None:
    job_id, port = await rows.job(services, ada), free_port()
    events: list[Event] = []

    def watch() -> None:
        with Client(f"http://127.0.0.1:{port}", api_key=ada.tokens["access_token"]) as client:
            for event in client.watch_job(str(job_id)):
                events.append(event)

    async with served(app, port):
        await rows.say(services, job_id, rows.metric(1), rows.metric(2))
        watching = threading.Thread(target=watch)
        watching.start()
        await until(events, 2)
    await rows.say(services, job_id, rows.metric(3))  # while no server is there
    async with served(app, port):
        await until(events, 3)
        await rows.say(services, job_id, rows.metric(4))
        await until(events, 4)
    await rows.say(services, job_id, rows.metric(5))
    await rows.say(services, job_id, STOPPED, status="stopped")
    async with served(app, port):
        await asyncio.to_thread(watching.join, 30)
    assert not watching.is_alive()
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.data.get("step") for event in events[:5]] == [1, 2, 3, 4, 5]
    assert (events[5].kind, events[5].data["status"]) == ("status", "stopped")


async def test_everything_is_followed_over_a_restart(app: FastAPI, services: Services, ada: Visitor) -> None:
    job_id, port = await rows.job(services, ada), free_port()
    events: list[Event] = []

    def watch() -> None:
        with Client(f"http://127.0.0.1:{port}", api_key=ada.tokens["access_token"]) as client:
            for event in client.watch_all(jobs=[f"{job_id}:0"]):
                events.append(event)
                if event.data.get("job", {}).get("status") == "stopped":
                    return

    async with served(app, port):
        watching = threading.Thread(target=watch)
        watching.start()
        await until(events, 1)
        await rows.say(services, job_id, rows.metric(1))
        await until(events, 3)
    await rows.say(services, job_id, rows.metric(2))  # while no server is there
    await rows.say(services, job_id, STOPPED, status="stopped")
    async with served(app, port):
        await asyncio.to_thread(watching.join, 30)
    assert not watching.is_alive()
    told = [models.LiveEvent.model_validate(event.data).root for event in events]
    assert [type(each).__name__ for each in told] == [
        *("LiveReady", "LiveJobEvent", "LiveJob"),
        *("LiveReady", "LiveJobEvent", "LiveJobEvent", "LiveJob"),
    ]
    assert [each.resumed for each in told if isinstance(each, models.LiveReady)] == [False, True]
    assert [each.event.seq for each in told if isinstance(each, models.LiveJobEvent)] == [1, 2, 3]
