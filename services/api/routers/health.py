"""Alive, and ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import text

from services.api.context import Services
from services.api.dependencies import ServicesDep
from services.database.engine import open_session
from services.errors import UnavailableError

router = APIRouter(tags=["health"])

State = Literal["ready", "not_ready"]


class Health(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """Whether every dependency answers."""

    status: State
    dependencies: dict[str, State]


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process is alive; asks nobody else."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "A dependency does not answer"}})
async def readyz(services: ServicesDep, response: Response) -> Readiness:
    """Whether PostgreSQL and object storage answer."""
    postgresql, object_storage = await asyncio.gather(_state(_ask_database(services)), _state(services.objects.check()))
    dependencies: dict[str, State] = {"postgresql": postgresql, "object_storage": object_storage}
    ready = all(state == "ready" for state in dependencies.values())
    if not ready:
        response.status_code = 503
        response.headers["Retry-After"] = "5"
    return Readiness(status="ready" if ready else "not_ready", dependencies=dependencies)


async def _ask_database(services: Services) -> None:
    async with open_session(services.sessions) as session:
        await session.execute(text("SELECT 1"))


async def _state(question: Awaitable[None]) -> State:
    try:
        await question
    except UnavailableError:
        return "not_ready"
    return "ready"
