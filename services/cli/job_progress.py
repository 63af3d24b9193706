"""Follow a job to its end, for the commands that do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import print_json
from services.cli.reporting import FAILED, INTERRUPTED, say

if TYPE_CHECKING:
    from services.client import Client, models

Detach = Annotated[bool, typer.Option("--detach", help="Print the id and do not follow.")]
NoWait = Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")]


def launched(client: Client, job: models.JobOut, *, detach: bool, as_json: bool) -> None:
    """Print a new job, and follow it unless detached."""
    if as_json:
        print_json(job)
    else:
        typer.echo(job.id)
    if not detach:
        follow_job(client, job.id, as_json=as_json)


def follow_job(client: Client, job_id: str, *, after: int = 0, as_json: bool) -> None:
    """Show a job's progress until it ends; exit with a code that says how it ended."""
    from services.cli.progress import RunProgress
    from services.cli.table import result_table

    try:
        if as_json:
            for event in client.watch_job(job_id, after=after):
                print_json({"seq": event.sequence, "kind": event.kind, **event.data})
        else:
            with RunProgress() as progress:
                for event in client.watch_job(job_id, after=after):
                    progress.show(event.kind, event.data)
    except KeyboardInterrupt:
        say(f"Job {job_id} is still running: `lim jobs follow {job_id}` shows it, `lim jobs stop {job_id}` stops it.")
        raise typer.Exit(INTERRUPTED) from None
    job = client.read_job(job_id)
    trained = job.result is not None and "trainable_parameters" in job.result
    if not as_json and job.result and trained and job.status == "succeeded":
        from rich.console import Console

        Console(stderr=True).print(result_table(job.result, where=f"lim jobs download {job_id} FOLDER"))
    say(f"Job {job_id}: {job.status}" + (f": {job.error}" if job.error else "."))
    if job.status != "succeeded":
        raise typer.Exit(FAILED)


def stop_job(client: Client, stop: Callable[[str], models.JobOut], job_id: str, *, detach: bool, as_json: bool) -> None:
    """Stop a job, wait for its end unless detached, and tell its status.

    Args:
        client: of the platform.
        stop: the client's method for the job's kind.
        job_id: id of the job.
        detach: do not wait.
        as_json: print the job.
    """
    stopped = stop(job_id)
    if not detach:
        stopped = client.wait_for_job(stopped.id)
    say_status(stopped, as_json=as_json)


def say_status(job: models.JobOut, *, as_json: bool) -> None:
    """Tell the status of a job."""
    say(f"Job {job.id} is {job.status}.")
    if as_json:
        print_json(job)
