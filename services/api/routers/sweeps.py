"""Sweeps: launch, list, show with trials and fronts, stop, and train by the best trial."""

from __future__ import annotations

import uuid
from typing import Final

from fastapi import APIRouter, Response
from sqlalchemy import bindparam

from services.api.dependencies import CurrentUser, SessionDep, SettingsDep
from services.api.job_models import JobOut, JobStatus
from services.api.launching import LaunchDep
from services.api.paging import Cursor, Limit, Listing, Page, Search
from services.api.problems import problems
from services.api.read_route import ReadRoute
from services.api.reading import ReadingDep
from services.api.rendered import page_response
from services.api.routers.jobs import FILTERS, RENDERED, rendered
from services.api.sweep_models import BestTrainingBody, NewSweep, SweepOut
from services.database.models import Job
from services.jobs import requests
from services.jobs.sweeps import find_sweep, owned_sweeps, trials_of

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=ReadRoute)

_SWEEPS: Final = Listing(owned_sweeps(bindparam("user_id")), Job, RENDERED, FILTERS)


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def create_sweep(body: NewSweep, settings: SettingsDep, launch: LaunchDep) -> JobOut:
    """Launch a search for the best training. Reports all faults of config and search together, before it begins."""
    return await launch(body, lambda: body.request(settings))


@router.get("", response_model=Page[JobOut], responses=problems(401, 422, 503))
async def list_sweeps(
    reading: ReadingDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    status: JobStatus | None = None,
    project_id: uuid.UUID | None = None,
) -> Response:
    """The caller's sweeps, newest first."""
    filters = {"q": q or None, "status": status, "project_id": project_id}
    rows, total, next_cursor = await _SWEEPS.page(reading, filters, limit=limit, cursor=cursor)
    return page_response(await rendered(rows, reading), total, next_cursor)


@router.get("/{sweep_id}", responses=problems(401, 404, 422, 503))
async def read_sweep(sweep_id: uuid.UUID, user: CurrentUser, session: SessionDep, settings: SettingsDep) -> SweepOut:
    """One sweep, with its trials and the Pareto fronts of quality against memory and against trained parameters."""
    sweep = await find_sweep(session, user.id, sweep_id)
    return SweepOut.with_trials(sweep, await trials_of(session, sweep_id), settings)


@router.post("/{sweep_id}/stop", status_code=202, responses=problems(401, 403, 404, 409, 422, 503))
async def stop_sweep(sweep_id: uuid.UUID, user: CurrentUser, session: SessionDep, settings: SettingsDep) -> JobOut:
    """Stop a sweep: its trials save a checkpoint. `POST /jobs/{job_id}/resume` goes on with them."""
    await find_sweep(session, user.id, sweep_id)
    return JobOut.of(await requests.request_stop(session, user.id, sweep_id), settings)


@router.post("/{sweep_id}/train-best", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def train_best(
    sweep_id: uuid.UUID,
    body: BestTrainingBody,
    user: CurrentUser,
    session: SessionDep,
    settings: SettingsDep,
    launch: LaunchDep,
) -> JobOut:
    """Launch a training by the best trial, on everything: without a selection, and on the validation examples too.

    If the training depends on validation examples, as early stopping does, they stay held out.
    """
    sweep = await find_sweep(session, user.id, sweep_id)
    return await launch(body, lambda: body.request(sweep, settings))
