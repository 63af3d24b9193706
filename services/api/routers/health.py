"""Liveness and readiness."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from services.api.context import Services
from services.api.dependencies import ServicesDep
from services.database.engine import open_session
from services.database.heartbeats import heartbeats, is_late, late_s
from services.database.models import Heartbeat
from services.errors import UnavailableError
from services.supervision import Standing, read_standings

router = APIRouter(tags=["health"])

State = Literal["ready", "degraded", "not_ready"]
_WORST_FIRST: Final[tuple[State, ...]] = ("not_ready", "degraded")


class Health(BaseModel):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class Background(BaseModel):
    """The last round of a task in the background."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    at: datetime
    """When a round last succeeded."""
    wall_s: float
    """How long the last round took, in seconds."""
    period_s: float
    """Longest pause between two rounds, in seconds."""
    late_s: float
    """Seconds since a round last succeeded; recorded every few seconds."""
    is_late: bool
    """Whether that is too long: the task's work has stopped for some or all users."""
    error: str | None
    """Set if the last round failed; the hub's log says why."""
    failed_at: datetime | None
    """When a round last failed."""


class Readiness(BaseModel):
    """Whether every dependency answers."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: State
    """`degraded`: requests are answered, but a task in the background is late."""
    dependencies: dict[str, State]
    """`postgresql`, `object_storage`, and `hub`, which submits jobs and processes datasets. The hub is `not_ready` if
    none of its tasks succeeds, and `degraded` if some do not."""
    background: dict[str, Background] = {}
    """The hub's tasks."""
    supervised: dict[str, Standing] = {}
    """Embedded servers, which restart automatically: `postgresql`, `object_storage`."""


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process is alive; checks no dependency."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "A dependency does not answer"}})
async def readyz(services: ServicesDep, response: Response) -> Readiness:
    """Whether PostgreSQL and object storage answer, and the hub's tasks make progress."""
    (postgresql, beats), object_storage, standings = await asyncio.gather(
        _database(services),
        _state(services.objects.check()),
        asyncio.to_thread(read_standings, services.settings.home),
    )
    dependencies: dict[str, State] = {
        "postgresql": postgresql,
        "object_storage": object_storage,
        "hub": _hub([is_late(last) for last in beats.values()]),
    }
    status = next((state for state in _WORST_FIRST if state in dependencies.values()), "ready")
    if status == "not_ready":
        response.status_code = 503
        response.headers["Retry-After"] = "5"
    return Readiness(
        status=status,
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


def _hub(late: Sequence[bool]) -> State:
    if all(late):
        return "not_ready"  # also a hub that has never recorded anything
    return "degraded" if any(late) else "ready"


def _shown(last: Heartbeat) -> Background:
    """Omits the error message, which may hold details that only the operator should see; it is in the log."""
    return Background(
        at=last.at,
        wall_s=last.wall_s,
        period_s=last.period_s,
        late_s=late_s(last),
        is_late=is_late(last),
        error="the last round failed" if last.error else None,
        failed_at=last.failed_at,
    )


async def _state(question: Awaitable[None]) -> State:
    try:
        await question
    except UnavailableError:
        return "not_ready"
    return "ready"
