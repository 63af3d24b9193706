"""Checkpoints of jobs that succeeded long ago are removed, and nothing else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from engine.run.store import LocalRunStore
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Job
from services.jobs.reconciler import Runs
from services.jobs.retention import prune
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

FILES = ("adapter/adapter_model.safetensors", "checkpoints/step-00000001/state.json", "result.json", "events/0.jsonl")


async def test_only_checkpoints_of_what_succeeded_long_ago_go(services: Services, ada: Visitor, tmp_path: Path) -> None:
    runs = Runs("bucket", lambda prefix: LocalRunStore(tmp_path / prefix))
    now = datetime.now(UTC)
    ended = {
        "old": ("succeeded", now - timedelta(days=8)),
        "new": ("succeeded", now - timedelta(days=6)),
        "stopped": ("stopped", now - timedelta(days=80)),
        "failed": ("failed", now - timedelta(days=80)),
    }
    async with open_session(services.sessions) as session:  # other tests' jobs are not ours
        await session.execute(update(Job).values(checkpoints_removed=True))
        await session.commit()
    jobs: dict[str, uuid.UUID] = {}
    for name, (status, finished_at) in ended.items():
        jobs[name] = await rows.job(services, ada, status, finished_at=finished_at)
        for file in FILES:
            runs.of(jobs[name]).put_bytes(file, b"x")
    assert await prune(services.sessions, services.settings, runs) == 1
    left = {name: set(runs.of(job_id).list("")) for name, job_id in jobs.items()}
    assert left["old"] == {file for file in FILES if not file.startswith("checkpoints/")}
    assert left["new"] == left["stopped"] == left["failed"] == set(FILES)
    assert await prune(services.sessions, services.settings, runs) == 0
    at_once = services.settings.model_copy(update={"keep_checkpoints_s": 0})
    assert await prune(services.sessions, at_once, runs) == 1
    assert "checkpoints/step-00000001/state.json" not in runs.of(jobs["new"]).list("")
