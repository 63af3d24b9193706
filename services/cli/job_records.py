"""`lim jobs logs`, `metrics`, `artifacts`, `download` and `bundle`: what a job has left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.nouns import PAGE, Limit
from services.cli.output import Json, print_json, show_items
from services.cli.reporting import FAILED, printable, reported, say
from services.cli.server import Server, connected, find, named

Job = Annotated[str, named("job")]


def logs(job: Job, as_json: Json = False, server: Server = None) -> None:
    """Print the log messages of a job and of the platform about it, oldest first; with --json one message per line.

    Example: lim jobs logs first
    """
    with reported(), connected(server) as client:
        for event in client.job_logs(find(client, "job", job), limit=PAGE):
            if as_json:
                print_json(event)
            else:
                fields = event.model_dump()
                said = (
                    f"{event.time.astimezone():%H:%M:%S}  {fields.get('level', '')!s:<7}  {fields.get('message', '')}"
                )
                typer.echo(printable(said))


def metrics(job: Job, limit: Limit = 50, as_json: Json = False, server: Server = None) -> None:
    """Print the history of a job's metrics, oldest first; with --json all of them, one measurement per line.

    Example: lim jobs metrics first --json > metrics.jsonl
    """
    with reported(), connected(server) as client:
        found = client.job_metrics(find(client, "job", job), limit=PAGE)
        if as_json:
            for event in found:
                print_json(event)
            return
        columns: dict[str, Callable[[Any], Any]] = {
            title: _field(name) for title, name in (("Step", "step"), ("Loss", "loss"), ("Rate", "learning_rate"))
        }
        columns["Metric"] = lambda event: _primary(event.model_dump())
        every = list(found)
        show_items(every[-limit:], columns, as_json=False, total=len(every))


def artifacts(job: Job, as_json: Json = False, server: Server = None) -> None:
    """List the files that a job made.

    Example: lim jobs artifacts first
    """
    from engine.run.shown import size

    with reported(), connected(server) as client:
        columns = {
            "File": lambda each: each.name,
            "Kind": lambda each: each.kind,
            "Size": lambda each: size(each.size),
            "SHA-256": lambda each: each.sha256[:16],
        }
        show_items(client.job_artifacts(find(client, "job", job), limit=PAGE), columns, as_json=as_json)


def download(
    job: Job,
    out: Annotated[Path, typer.Argument(help="Folder for the files.")],
    kind: Annotated[str, typer.Option(help="Kind of files, as `lim jobs artifacts` shows, or all.")] = "adapter",
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Download and verify the files that a job made; repeat the command to resume an interrupted download.

    Example: lim jobs download first adapter
    """
    from services.cli.upload import moving

    with reported(), connected(server) as client:
        job_id = find(client, "job", job)
        with moving(job) as progress:
            paths = client.download_artifacts(job_id, out, kind=None if kind == "all" else kind, progress=progress)
        if not paths:
            say(f"Job {job} has no files of kind {kind!r}; `lim jobs artifacts {job}` lists what it has.")
            raise typer.Exit(FAILED)
        say(f"{len(paths)} files are in {out}.")
        if as_json:
            print_json({"folder": str(out), "files": [str(path) for path in paths]})


def bundle(
    job: Job,
    out: Annotated[Path, typer.Argument(help="Zip file, or a folder for it.")],
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Download everything that a finished job left as one zip: files, config, logs, metrics, events.

    Example: lim jobs bundle first first.zip
    """
    from services.cli.upload import moving

    with reported(), connected(server) as client:
        with moving(job) as progress:
            path = client.download_bundle(find(client, "job", job), out, progress)
        say(f"The bundle is {path}.")
        if as_json:
            print_json({"file": str(path), "size": path.stat().st_size})


def _field(name: str) -> Callable[[Any], Any]:
    return lambda event: event.model_dump().get(name)


def _primary(measurement: Mapping[str, Any]) -> str | None:
    """The primary metric of a measurement, with its name; None if it measured none."""
    from engine.metrics.registry import metric_named

    if "metrics" not in measurement:
        return None
    primary = metric_named(measurement["primary"])
    value = measurement["metrics"].get(primary.name)  # None: it was no number
    return None if value is None else f"{primary.title} {primary.shown(value)}"
