"""One stream of everything of the caller that changes."""

from __future__ import annotations

from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from engine.errors import Fault
from services.api.dependencies import CallerDep, ServicesDep, SessionDep
from services.api.live_models import LiveEvent
from services.api.live_position import JOB_PATTERN, LONGEST, MOST_JOBS, Position, followed
from services.api.live_stream import stream_live
from services.api.problems import problems
from services.api.streams import EventStream
from services.database.models import Job
from services.errors import NotFoundError
from services.jobs.owned import owned_jobs

router = APIRouter(prefix="/events", tags=["events"])

_KINDS: Final = [kind for event in get_args(LiveEvent) for kind in get_args(event.model_fields["kind"].annotation)]
# Schema of one event, as for the stream of a job.
_EVENT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "Place in the stream; `Last-Event-ID` takes it as it is"},
        "event": {"type": "string", "enum": _KINDS},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/LiveEvent"},
        },
        "retry": {"type": "integer", "minimum": 0, "description": "Milliseconds before the next try to connect"},
    },
}


@router.get(
    "",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events; `event` is the `kind` of the data",
            "content": {"text/event-stream": {"itemSchema": _EVENT_SCHEMA}},
        },
        **problems(401, 404, 422, 429, 503),
    },
)
async def follow_all(
    who: CallerDep,
    services: ServicesDep,
    session: SessionDep,
    job: Annotated[
        list[Annotated[str, Field(pattern=JOB_PATTERN)]] | None,
        Query(
            max_length=MOST_JOBS,
            description="Also every metric, log line, status and artifact of this job, as `ID` (from now on) or `ID:SEQ` "
            "(after this number); may be repeated. A number that `Last-Event-ID` knows takes precedence",
        ),
    ] = None,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=LONGEST, description="`id` of the last event received")
    ] = None,
) -> EventStream:
    """Stream live what changes of the caller's jobs, sweeps, datasets, pipelines and notifications.

    The first event is `ready`: read what you show when it comes with `resumed: false`; what changes later is in the stream.
    `job`, `sweep`, `dataset` and `pipeline` have the newest state of one resource: faster changes are merged, and after a
    reconnect a state may come again. `notification`, and of the jobs named by `job` also `metric`, `log`, `status` and
    `artifact`, come exactly once and in order. `notifications` and `reset` say that a list has to be read again.

    Ends after the lifetime of an access token (15 minutes, or as the operator sets); reconnect with `Last-Event-ID`. Ends
    earlier with the login or the API key.
    """
    position = Position.read(last_event_id) if last_event_id else None
    wanted = followed(job or [], position)
    query = owned_jobs(who.user.id).where(Job.id.in_(wanted)).with_only_columns(Job.id)
    missing = wanted.keys() - set(await session.scalars(query)) if wanted else set()
    if missing:
        faults = [Fault("job", f"there is no job {each}") for each in sorted(map(str, missing))]
        raise NotFoundError("There is no such job; see errors.", code="job_not_found", faults=faults)
    messages = stream_live(services, who.credential, who.user.id, position, wanted)
    return EventStream(messages, services, who.user.id)
