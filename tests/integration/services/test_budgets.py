"""What jobs use is counted over their attempts, and a budget that is used up stops them; the cluster is a stand-in."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from engine.run.store import LocalRunStore
from services.api.app import create_app_on
from services.api.context import Services
from services.database.engine import open_session
from services.database.heartbeats import beat
from services.database.models import Heartbeat, Job
from services.jobs.reconciler import TASK
from services.jobs.submission import Driver, DriverState
from tests.integration.services import rows
from tests.integration.services.test_reconciler import RUNNING, Scene, StandIn
from tests.integration.services.visitors import Visitor

STOPPED = Driver(DriverState.SUCCEEDED, exit_code=0)


@pytest.fixture
async def scene(services: Services, ada: Visitor, tmp_path: Path) -> Scene:
    async with open_session(services.sessions) as session:
        await session.execute(update(Job).values(status="stopped"))
        await session.commit()
    return Scene(services, ada, StandIn(), lambda prefix: LocalRunStore(tmp_path / prefix))


async def run_for(scene: Scene, job_id: uuid.UUID, seconds: float) -> None:
    """As if its driver had begun that long ago."""
    async with open_session(scene.services.sessions) as session:
        since = datetime.now(UTC) - timedelta(seconds=seconds)
        await session.execute(update(Job).where(Job.id == job_id).values(metered_since=since))
        await session.commit()


async def started(scene: Scene, **columns: Any) -> uuid.UUID:
    job_id = await scene.job(**columns)
    await scene.round()
    scene.cluster.drivers[scene.cluster.submitted[-1]] = RUNNING
    await scene.round()
    assert (await scene.read(job_id))["status"] == "running"
    return job_id


async def test_time_is_counted_over_attempts_and_only_while_a_driver_runs(scene: Scene) -> None:
    job_id = await started(scene, resources={"num_workers": 2, "cpus_per_worker": 1})
    await run_for(scene, job_id, 100.0)
    used = (await scene.read(job_id))["usage"]
    assert used["wall_s"] == pytest.approx(100.0, abs=5.0)
    assert used["cpu_hours"] == pytest.approx(2 * used["wall_s"] / 3600)
    assert (used["gpu_hours"], used["cost"]) == (0.0, None)
    await scene.visitor.post(f"/jobs/{job_id}/stop")
    scene.finish(job_id, "stopped")
    scene.cluster.drivers[scene.cluster.submitted[-1]] = STOPPED
    await scene.round()
    ended = await scene.read(job_id)
    assert (ended["status"], ended["usage"]["wall_s"]) == ("stopped", pytest.approx(100.0, abs=5.0))
    assert (await scene.visitor.post(f"/jobs/{job_id}/resume")).status_code == 202
    await scene.round()
    assert (await scene.read(job_id))["usage"]["wall_s"] == ended["usage"]["wall_s"]  # it waits
    scene.cluster.drivers[scene.cluster.submitted[-1]] = RUNNING
    await scene.round()
    await run_for(scene, job_id, 50.0)
    assert (await scene.read(job_id))["usage"]["wall_s"] == pytest.approx(150.0, abs=10.0)


async def test_time_in_which_the_platform_was_down_is_not_charged(scene: Scene) -> None:
    job_id = await started(scene, budget={"wall_s": 500.0})
    await run_for(scene, job_id, 1000.0)
    async with open_session(scene.services.sessions) as session:
        await beat(session, TASK, 0.1, None)  # as the hub does, and then the machine lost its power for 900 s
        at = datetime.now(UTC) - timedelta(seconds=900.0)
        await session.execute(update(Heartbeat).where(Heartbeat.name == TASK).values(at=at))
        await session.commit()
    scene.cluster.drivers.clear()
    await scene.round()
    job = await scene.read(job_id)
    assert job["status"] in ("queued", "starting")
    assert job["usage"]["wall_s"] == pytest.approx(100.0, abs=5.0)


async def test_a_driver_that_is_lost_while_it_is_watched_is_charged_until_it_was_last_seen(scene: Scene) -> None:
    job_id = await started(scene)
    await run_for(scene, job_id, 100.0)
    reconciler = scene.reconciler()
    await reconciler.round()
    scene.cluster.drivers.clear()
    await reconciler.round()
    assert (await scene.read(job_id))["usage"]["wall_s"] == pytest.approx(100.0, abs=5.0)


async def test_a_budget_that_is_used_up_stops_the_job_until_it_is_raised(scene: Scene) -> None:
    job_id = await started(scene, budget={"wall_s": 60.0})
    await scene.round()
    assert (await scene.read(job_id))["status"] == "running"
    await run_for(scene, job_id, 61.0)
    await scene.round()
    assert (await scene.read(job_id))["status"] == "stopping"
    await scene.round()
    assert scene.files(job_id).get_bytes("stop") == b""  # at which the run keeps a checkpoint and ends
    scene.finish(job_id, "stopped")
    scene.cluster.drivers[scene.cluster.submitted[-1]] = STOPPED
    await scene.round()
    assert (await scene.read(job_id))["status"] == "stopped"
    logs = (await scene.visitor.get(f"/jobs/{job_id}/logs")).json()["items"]
    assert any("the budget of 60 s is used up: 61 s. Raise the budget" in item["message"] for item in logs), logs

    refused = await scene.visitor.post(f"/jobs/{job_id}/resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "budget_used_up")
    raised = await scene.visitor.call("PATCH", f"/jobs/{job_id}", json={"budget": {"wall_s": 1000}})
    assert raised.json()["budget"] == {"wall_s": 1000.0}
    assert (await scene.visitor.post(f"/jobs/{job_id}/resume")).json()["status"] == "queued"
    await scene.round()
    scene.cluster.drivers[scene.cluster.submitted[-1]] = RUNNING
    await scene.round()
    await scene.round()
    assert (await scene.read(job_id))["status"] == "running"


async def test_a_budget_in_money_needs_prices(scene: Scene, services: Services, ada: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG, "budget": {"cost": 2.0}}
    refused = await ada.post("/jobs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "no_prices")
    assert refused.json()["errors"][0]["path"] == "budget.cost"
    prices = {"cpu_hour_price": 36.0, "currency": "CHF"}
    priced = services.settings.model_copy(update=prices)
    app = create_app_on(dataclasses.replace(services, settings=priced))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as http:
        made = (await http.post("/jobs", json=body, headers=ada.headers)).json()
        assert made["budget"] == {"cost": 2.0}
        await scene.round(**prices)
        scene.cluster.drivers[scene.cluster.submitted[-1]] = RUNNING
        await scene.round(**prices)
        await run_for(scene, uuid.UUID(made["id"]), 250.0)  # one CPU, a hundredth a second
        used = (await http.get(f"/jobs/{made['id']}", headers=ada.headers)).json()["usage"]
        assert used["cost"] == pytest.approx(2.5, abs=0.1)
        await scene.round(**prices)
        assert (await scene.read(made["id"]))["status"] == "stopping"


@pytest.mark.parametrize(
    "budget", ['{"wall_s": 0}', '{"wall_s": -1}', '{"cost": 1e999}', '{"wall_s": 1e13}', '{"x": 1}']
)
async def test_budgets_that_are_none(services: Services, ada: Visitor, budget: str) -> None:
    job_id = await rows.job(services, ada)
    headers = {"Content-Type": "application/json"}
    answer = await ada.call("PATCH", f"/jobs/{job_id}", content=f'{{"budget": {budget}}}', headers=headers)
    assert answer.status_code == 422, answer.text
    assert (await ada.get(f"/jobs/{job_id}")).json()["budget"] is None
