"""`lim jobs`: work on a platform, from launch to deletion."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli import job_launch, job_records
from services.cli.job_launch import Budget, laid
from services.cli.job_progress import Detach, NoWait, follow_job, say_status, stop_job
from services.cli.nouns import PAGE, Limit, Noun, Search
from services.cli.output import Json, ordinal, show
from services.cli.reporting import reported, say
from services.cli.server import Server, connected, find, given, named, naming

if TYPE_CHECKING:
    from services.client import models

_COLUMNS: Final = {
    "Name": lambda each: each.name,
    "Type": lambda each: each.type,
    "Status": lambda each: _status_and_place(each),
    "Done": lambda each: f"{each.progress:.0%}",
    "Model": lambda each: each.model_id or "",
    "Created": lambda each: each.created_at,
    "Id": lambda each: each.id,
}


def _status_and_place(job: models.JobOut) -> str:
    """`queued (3rd)`; other states as they are."""
    place = job.queue.position if job.queue else None
    return f"{job.status} ({ordinal(place)})" if place else job.status


def _queue_words(place: models.QueueOut) -> str:
    """The place and the reason, such as `3rd: An earlier job of yours goes first.`."""
    return f"{ordinal(place.position)}: {place.text}" if place.position else place.text


NOUN: Final = Noun(
    "job",
    _COLUMNS,
    lambda client: client.list_jobs,
    lambda client: client.read_job,
    lambda client: client.delete_job,
    "its files, checkpoints, logs and metrics; it must have ended",
    words={"queue": _queue_words},
)
app = NOUN.app("Training, selection, evaluation and ingestion: launch, follow, stop, resume, download.")
NOUN.add_show(app)
NOUN.add_delete(app)
for command in (
    *(job_launch.launch, job_launch.evaluate, job_launch.estimate),
    *(job_records.logs, job_records.metrics, job_records.artifacts, job_records.download, job_records.bundle),
):
    app.command()(command)

Job = Annotated[str, named("job")]


class Status(StrEnum):
    """Status of a job."""

    queued = "queued"
    starting = "starting"
    running = "running"
    stopping = "stopping"
    stopped = "stopped"
    succeeded = "succeeded"
    failed = "failed"


def _types(incomplete: str) -> list[str]:
    """Completion of the types that this release's server has."""
    from typing import get_args

    from services.client import models

    known = get_args(models.JobOut.model_fields["type"].annotation)
    return [name for part in known for name in get_args(part) if name.startswith(incomplete)]


@app.command("list")
def list_jobs(
    status: Annotated[Status | None, typer.Option(help="Only those in this state.")] = None,
    type: Annotated[
        str | None,
        typer.Option(metavar="TYPE", autocompletion=_types, help="Only those of this type, such as training."),
    ] = None,
    project: Annotated[str | None, naming("--project", kind="project", help="Only those of this project.")] = None,
    search: Search = None,
    limit: Limit = 50,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """List your jobs, newest first.

    Example: lim jobs list --status running
    """
    with reported(), connected(server) as client:
        project_id = find(client, "project", project) if project else None
        NOUN.show_list(client, limit, as_json=as_json, status=status, type=type, q=search, project_id=project_id)


@app.command()
def follow(
    job: Job,
    after: Annotated[int, typer.Option(min=0, help="Only events after this number.")] = 0,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Show a job's progress from its first event; reconnects if the connection is lost. Ctrl-C leaves the job running.

    With --json each event is one line. Exit code 0: the job succeeded; 1: it failed or was stopped.

    Example: lim jobs follow first
    """
    with reported(), connected(server) as client:
        follow_job(client, find(client, "job", job), after=after, as_json=as_json)


@app.command()
def stop(
    job: Job,
    detach: NoWait = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Stop a job after a checkpoint, and wait until it has stopped.

    Example: lim jobs stop first
    """
    with reported(), connected(server) as client:
        stop_job(client, client.stop_job, find(client, "job", job), detach=detach, as_json=as_json)


@app.command()
def resume(job: Job, detach: Detach = False, as_json: Json = False, server: Server = None) -> None:
    """Resume a stopped or failed job from its newest checkpoint, and follow it.

    Example: lim jobs resume first
    """
    with reported(), connected(server) as client:
        job_id = find(client, "job", job)
        told = (*client.job_logs(job_id, limit=PAGE), *client.job_metrics(job_id, limit=PAGE))
        last = max((event.seq for event in told), default=0)
        resumed = client.resume_job(job_id)
        say(f"Job {resumed.id} is {resumed.status}.")
        if detach:
            say_status(resumed, as_json=as_json)
        else:
            follow_job(client, resumed.id, after=last, as_json=as_json)


@app.command()
def change(
    job: Job,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    project: Annotated[str | None, naming("--project", kind="project", help="Another project; '' for none.")] = None,
    budget: Budget = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Change a job's name, project or budget.

    Example: lim jobs change first --name baseline --budget wall_s=7200
    """
    with reported("The budget"):
        fields: dict[str, Any] = given(name=name, budget=laid({}, budget) if budget else None)
    with reported(), connected(server) as client:
        if project is not None:
            fields["project_id"] = find(client, "project", project) if project else None
        show(client.change_job(find(client, "job", job), **fields), as_json=as_json)
