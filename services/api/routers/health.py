"""Alive, and ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from services.api.context import Services
from services.api.dependencies import ServicesDep
from services.database.engine import open_session
from services.database.heartbeats import heartbeats, is_late
from services.database.models import Heartbeat
from services.errors import UnavailableError
from services.supervision import Standing, read_standings

router = APIRouter(tags=["health"])

State = Literal["ready", "not_ready"]


class Health(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Background(BaseModel):
    """The last round of a task in the background."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    at: datetime
    wall_s: float
    """How long it took, in seconds."""
    error: str | None
    """Kind of fault; unset: it went well."""
    failed_at: datetime | None
    """When a round last failed."""


class Readiness(BaseModel):
    """Whether every dependency answers."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: State
    dependencies: dict[str, State]
    """`postgresql`, `object_storage`, and `hub`, which submits jobs and processes datasets."""
    background: dict[str, Background] = {}
    """The hub's tasks."""
    supervised: dict[str, Standing] = {}
    """Servers of the platform's own, which are started again when they die: `postgresql`, `object_storage`."""


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process is alive; asks nobody else."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "A dependency does not answer"}})
async def readyz(services: ServicesDep, response: Response) -> Readiness:
    """Whether PostgreSQL and object storage answer, and the hub shows signs of life."""
    (postgresql, beats), object_storage, standings = await asyncio.gather(
        _database(services),
        _state(services.objects.check()),
        asyncio.to_thread(read_standings, services.settings.home),
    )
    dependencies: dict[str, State] = {
        "postgresql": postgresql,
        "object_storage": object_storage,
        "hub": "not_ready" if is_late(beats.get("jobs")) else "ready",
    }
    ready = all(state == "ready" for state in dependencies.values())
    if not ready:
        response.status_code = 503
        response.headers["Retry-After"] = "5"
    return Readiness(
        status="ready" if ready else "not_ready",
        dependencies=dependencies,
        background={name: _shown(last) for name, last in beats.items()},
        supervised=standings,
    )


async def _database(services: Services) -> tuple[State, dict[str, Heartbeat]]:
    try:
        async with open_session(services.sessions) as session:
            return "ready", {last.name: last for last in await heartbeats(session)}
    except UnavailableError:
        return "not_ready", {}


def _shown(last: Heartbeat) -> Background:
    """Without the words of the fault, which may name what only the operator should see; they are in the log."""
    kind = last.error.partition(":")[0] if last.error else None
    return Background(at=last.at, wall_s=last.wall_s, error=kind, failed_at=last.failed_at)


async def _state(question: Awaitable[None]) -> State:
    try:
        await question
    except UnavailableError:
        return "not_ready"
    return "ready"
