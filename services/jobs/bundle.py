"""One zip of all that a job left: artifacts, config, logs, metrics, events. Made once, stored with the job's files."""

from __future__ import annotations

import asyncio
import json
import tempfile
import uuid
import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine.data.manifest import is_inside
from services.database.engine import Sessions, open_session
from services.database.models import Artifact, Job, JobEvent
from services.errors import ConflictError, PayloadTooLargeError, UnavailableError
from services.jobs.owned import find_job
from services.jobs.places import run_prefix
from services.jobs.states import TERMINAL
from services.objects import Objects
from services.settings import Settings
from services.storage_quota import admit_bytes

_FOLDER: Final = "bundles"
_EVENTS_AT_ONCE: Final = 2000
_EVENTS_FILE: Final = {"log": "logs.jsonl", "metric": "metrics.jsonl"}
_OTHER_EVENTS: Final = "events.jsonl"
_TOLD_OF_THE_JOB: Final = (
    "id", "type", "name", "status", "model_id", "dataset_id", "dataset_version", "needs_id", "spec", "resources",
    "metrics", "result", "error", "created_at", "started_at", "finished_at",
)  # fmt: skip
_MAKING: Final = asyncio.Semaphore(2)
"""Limits concurrent bundles in this process: each takes the disk space of a whole job."""
_MAKERS: Final[set[uuid.UUID]] = set()
"""Users whose bundles are being made: one per user, so that no user blocks the others."""
_BUSY_S: Final = 10


async def bundle_of(
    sessions: Sessions, settings: Settings, objects: Objects, user_id: uuid.UUID, job_id: uuid.UUID
) -> tuple[str, str, int]:
    """The bundle of a job that has ended, made if it does not exist yet.

    Returns:
        Its key in the platform's bucket, a name for the file, and its size in bytes.

    Raises:
        NotFoundError: no such job, or another user's.
        ConflictError: it has not ended.
        PayloadTooLargeError: its files are larger than the operator allows in a bundle.
        ForbiddenError: the bundle exceeds the user's storage quota.
        UnavailableError: too many bundles are being made; retry later.
    """
    async with open_session(sessions) as session:
        job = await find_job(session, user_id, job_id)
        if job.status not in TERMINAL:
            raise ConflictError(f"The job is {job.status}; there is a bundle when it has ended.", code="job_state")
        artifacts = (
            await session.scalars(select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.name))
        ).all()
    name = _file_name(job)
    key = f"{run_prefix(job_id)}/{_FOLDER}/{job.life}.zip"
    size = await objects.size(key)
    if size is not None:
        return key, name, size
    expected = sum(artifact.size for artifact in artifacts)
    if expected > settings.max_bundle_bytes:
        raise PayloadTooLargeError(
            f"The job's files have {expected} bytes; a bundle has at most {settings.max_bundle_bytes} "
            f"(LIM_MAX_BUNDLE_BYTES). Get them one by one: GET /jobs/{job_id}/artifacts.",
            code="bundle_too_large",
        )
    if _MAKING.locked() or user_id in _MAKERS:
        whose = "A bundle of yours is" if user_id in _MAKERS else "Other bundles are"
        raise UnavailableError(f"{whose} being made; ask again soon.", code="busy", retry_after_s=_BUSY_S)
    async with _MAKING, _only_one(user_id):
        with tempfile.TemporaryDirectory(prefix="lim-bundle-") as folder:
            path = Path(folder) / "bundle.zip"
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for artifact in artifacts:
                    await _add_object(archive, objects, artifact, Path(folder) / "file")
                await asyncio.to_thread(archive.writestr, "job.json", _described(job))
                await _add_events(archive, sessions, job_id)
            size = (await asyncio.to_thread(path.stat)).st_size
            await _keep(sessions, settings, objects, job, key, path, size)
    return key, name, size


@asynccontextmanager
async def _only_one(user_id: uuid.UUID) -> AsyncIterator[None]:
    _MAKERS.add(user_id)
    try:
        yield
    finally:
        _MAKERS.discard(user_id)


async def _keep(
    sessions: Sessions, settings: Settings, objects: Objects, seen: Job, key: str, path: Path, size: int
) -> None:
    """Count the bundle against the user's quota, then store it while the job can be neither deleted nor resumed."""
    async with open_session(sessions) as session:
        await admit_bytes(session, settings, seen.user_id, size)
        await session.execute(update(Job).where(Job.id == seen.id).values(stored_bytes=Job.stored_bytes + size))
        await session.commit()
    async with open_session(sessions) as session:
        job = await find_job(session, seen.user_id, seen.id, keep=True)
        if job.life != seen.life or job.status not in TERMINAL:
            raise ConflictError(f"The job is {job.status}; there is a bundle when it has ended.", code="job_state")
        await objects.put(key, path)


async def _add_object(archive: zipfile.ZipFile, objects: Objects, artifact: Artifact, path: Path) -> None:
    if not is_inside(artifact.name) or not artifact.name.isprintable():
        return
    await objects.download(artifact.key, path)
    await asyncio.to_thread(archive.write, path, artifact.name)
    await asyncio.to_thread(path.unlink)


async def _add_events(archive: zipfile.ZipFile, sessions: Sessions, job_id: uuid.UUID) -> None:
    """Add logs, metrics and the other events, one per line."""
    for name, kinds in {
        **{file: (kind,) for kind, file in _EVENTS_FILE.items()},
        _OTHER_EVENTS: ("status", "artifact"),
    }.items():
        with archive.open(name, "w") as stream:
            after = 0
            while True:
                async with open_session(sessions) as session:
                    events = await _events(session, job_id, kinds, after)
                await asyncio.to_thread(stream.write, _lines(events))
                if len(events) < _EVENTS_AT_ONCE:
                    break
                after = events[-1].seq


async def _events(session: AsyncSession, job_id: uuid.UUID, kinds: Iterable[str], after: int) -> Sequence[JobEvent]:
    query = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.kind.in_(list(kinds)), JobEvent.seq > after)
    return (await session.scalars(query.order_by(JobEvent.seq).limit(_EVENTS_AT_ONCE))).all()


def _lines(events: Iterable[JobEvent]) -> bytes:
    lines = (
        json.dumps({"seq": event.seq, "time": event.time, "kind": event.kind, **event.data}, default=_plain)
        for event in events
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _described(job: Job) -> str:
    described: dict[str, Any] = {name: getattr(job, name) for name in _TOLD_OF_THE_JOB}
    return json.dumps({**described, "bundled_at": datetime.now(UTC)}, indent=1, default=_plain)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _file_name(job: Job) -> str:
    name = "".join(character if character.isalnum() or character in "-_. " else "-" for character in job.name)
    return f"{name.strip(' .')[:100] or 'job'}-{str(job.id)[:8]}.zip"
