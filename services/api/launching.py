"""Launch a job through a route: once for each Idempotency-Key."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel

from services.api.dependencies import CurrentUser, ServicesDep, SessionDep
from services.api.idempotency import IdempotencyHeader, claim, fingerprint
from services.api.job_models import JobOut
from services.jobs import requests
from services.jobs.kinds.contract import JobRequest
from services.jobs.owned import find_job


class Launch:
    """Launches for the caller of a route."""

    def __init__(
        self,
        request: Request,
        user: CurrentUser,
        services: ServicesDep,
        session: SessionDep,
        idempotency_key: IdempotencyHeader = None,
    ) -> None:
        self._request, self._user, self._services, self._session = request, user, services, session
        self._key = idempotency_key

    async def __call__(self, body: BaseModel, asked: Callable[[], JobRequest]) -> JobOut:
        """Launch what is asked for, or return the job that an earlier call with the same key launched.

        Args:
            body: of the call.
            asked: what it asks for.

        Raises:
            ApiError: it cannot be launched; nothing is.
        """
        session, services, job_id = self._session, self._services, uuid.uuid4()
        call = fingerprint(services.settings, self._request, body.model_dump(mode="json"))
        earlier = await claim(session, str(self._user.id), self._key, call, job_id)
        if earlier is not None:
            return JobOut.of(await find_job(session, self._user.id, earlier), services.settings)
        job = await requests.launch(session, services.settings, self._user.id, job_id, asked(), services.cluster)
        await session.commit()
        return JobOut.of(job, services.settings)


LaunchDep = Annotated[Launch, Depends(Launch)]
