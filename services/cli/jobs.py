"""`lim jobs`: training, selection and evaluation on a platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli.nouns import PAGE, Limit, Noun, Search
from services.cli.output import Json, print_json, show, show_items
from services.cli.reporting import FAILED, INTERRUPTED, printable, reported, say
from services.cli.server import Server, connected, find, given, named, naming

if TYPE_CHECKING:
    from services.client import Client, models

_COLUMNS: Final = {
    "Name": lambda each: each.name,
    "Type": lambda each: each.type,
    "Status": lambda each: each.status,
    "Done": lambda each: f"{each.progress:.0%}",
    "Model": lambda each: each.model_id,
    "Created": lambda each: each.created_at,
    "Id": lambda each: each.id,
}
NOUN: Final = Noun(
    "job",
    _COLUMNS,
    lambda client: client.list_jobs,
    lambda client: client.read_job,
    lambda client: client.delete_job,
    "its files, checkpoints, logs and metrics; it must have ended",
)
app = NOUN.app("Training, selection and evaluation: launch, follow, stop, resume, download.")
NOUN.add_show(app)
NOUN.add_delete(app)

Job = Annotated[str, named("job")]
Pairs = list[str] | None
Detach = Annotated[bool, typer.Option("--detach", help="Print the id and do not follow.")]
Resources = Annotated[
    Pairs,
    typer.Option(
        "--resources", metavar="FIELD=VALUE", help="Workers and what each gets, e.g. num_workers=2; repeatable."
    ),
]
Budget = Annotated[
    Pairs,
    typer.Option("--budget", metavar="FIELD=VALUE", help="What it may use at most: wall_s=3600, cost=5; repeatable."),
]
Priority = Annotated[int | None, typer.Option(min=-100, max=100, help="Higher ones of yours start first.")]
DatasetVersion = Annotated[int | None, typer.Option("--dataset-version", help="By default the newest that is ready.")]
Project = Annotated[str | None, naming("--project", kind="project", help="Where it belongs.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="YAML of a training (`lim schema --kind training`), or of a run.")
]
Overrides = Annotated[
    Pairs,
    typer.Option("--set", metavar="PATH=VALUE", help="Change one field of the config, e.g. max_steps=200; repeatable."),
]


class Status(StrEnum):
    """Status of a job."""

    queued = "queued"
    starting = "starting"
    running = "running"
    stopping = "stopping"
    stopped = "stopped"
    succeeded = "succeeded"
    failed = "failed"


class JobType(StrEnum):
    """Type of a job."""

    training = "training"
    selection = "selection"
    evaluation = "evaluation"


@app.command("list")
def list_jobs(
    status: Annotated[Status | None, typer.Option(help="Only those in this state.")] = None,
    type: Annotated[JobType | None, typer.Option(help="Only those of this type.")] = None,
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
def launch(
    dataset: Annotated[str, naming("--dataset", kind="dataset", help="What to train on.")],
    model: Annotated[str | None, naming("--model", kind="model", help="Base model; by default the config's.")] = None,
    config: Config = None,
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option(help="Name of the job.")] = None,
    dataset_version: DatasetVersion = None,
    selection: Annotated[
        Path | None,
        typer.Option("--selection", help="YAML of a selection: choose what to train on, and train nothing."),
    ] = None,
    select: Annotated[bool, typer.Option("--select", help="The same, by the method's defaults.")] = False,
    selected_by: Annotated[
        str | None, naming("--selected-by", kind="job", help="Train on what this selection chose.")
    ] = None,
    resources: Resources = None,
    budget: Budget = None,
    priority: Priority = None,
    project: Project = None,
    detach: Detach = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Launch a job and follow it; Ctrl-C leaves it running. The first line of standard output is its id.

    With --json the first line is the job and each further line an event.

    Example: lim jobs launch --dataset speech --model whisper-pico --set max_steps=200 --name first
    """
    from engine.config.base import read_yaml

    with reported(str(config or "The config")):
        training, described = _training(config, overrides)
        body: dict[str, Any] = described | given(model_id=model, name=name, priority=priority)
        if resources:
            body["resources"] = _laid(described.get("resources", {}), resources)
        if budget:
            body["budget"] = _laid({}, budget)
        if selection is not None or select:
            body["type"] = "selection"
            body |= given(selection=read_yaml(selection) if selection else None)
    with reported(), connected(server) as client:
        body |= given(
            dataset_version=dataset_version,
            selection_id=find(client, "job", selected_by) if selected_by else None,
            project_id=find(client, "project", project) if project else None,
        )
        job = client.create_job(body.pop("model_id"), find(client, "dataset", dataset), training, **body)
        _launched(client, job, detach=detach, as_json=as_json)


@app.command()
def evaluate(
    job: Annotated[str, named("job", "Name or id of the training that is measured.")],
    dataset: Annotated[
        str | None, naming("--dataset", kind="dataset", help="Other data; by default the training's own test speakers.")
    ] = None,
    dataset_version: DatasetVersion = None,
    measurement: Annotated[
        Pairs, typer.Option("--set", metavar="FIELD=VALUE", help="How it is measured, e.g. split=all; repeatable.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the job.")] = None,
    resources: Resources = None,
    budget: Budget = None,
    priority: Priority = None,
    project: Project = None,
    detach: Detach = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Evaluate what a job has trained, and follow the evaluation.

    Example: lim jobs evaluate first --dataset other-speech
    """
    with reported("The measurement"):
        body: dict[str, Any] = {
            field: _laid({}, pairs)
            for field, pairs in (("measurement", measurement), ("resources", resources), ("budget", budget))
            if pairs
        }
    with reported(), connected(server) as client:
        body |= given(
            name=name,
            priority=priority,
            dataset_id=find(client, "dataset", dataset) if dataset else None,
            dataset_version=dataset_version,
            project_id=find(client, "project", project) if project else None,
        )
        made = client.create_evaluation(find(client, "job", job), **body)
        _launched(client, made, detach=detach, as_json=as_json)


@app.command()
def estimate(
    model: Annotated[str | None, naming("--model", kind="model", help="Base model; by default the config's.")] = None,
    config: Config = None,
    overrides: Overrides = None,
    dataset: Annotated[str | None, naming("--dataset", kind="dataset", help="What it would train on.")] = None,
    dataset_version: DatasetVersion = None,
    resources: Resources = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Predict a run's memory, time and cost, and which devices it fits; nothing is launched.

    Example: lim jobs estimate --model whisper-pico --dataset speech --set max_steps=2000
    """
    with reported(str(config or "The config")):
        training, body = _training(config, overrides)
        body = {field: body[field] for field in ("model_id", "resources") if field in body} | given(model_id=model)
        if resources:
            body["resources"] = _laid(body.get("resources", {}), resources)
    with reported(), connected(server) as client:
        body |= given(dataset_id=find(client, "dataset", dataset) if dataset else None, dataset_version=dataset_version)
        show(client.estimate(body.pop("model_id"), training, **body), as_json=as_json)


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
        _follow(client, find(client, "job", job), after=after, as_json=as_json)


@app.command()
def stop(
    job: Job,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Stop a job after a checkpoint, and wait until it has stopped.

    Example: lim jobs stop first
    """
    with reported(), connected(server) as client:
        stopped = client.stop_job(find(client, "job", job))
        if not detach:
            stopped = client.wait_for_job(stopped.id)
        _say_status(stopped, as_json=as_json)


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
            _say_status(resumed, as_json=as_json)
        else:
            _follow(client, resumed.id, after=last, as_json=as_json)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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
        fields: dict[str, Any] = given(name=name, budget=_laid({}, budget) if budget else None)
    with reported(), connected(server) as client:
        if project is not None:
            fields["project_id"] = find(client, "project", project) if project else None
        show(client.change_job(find(client, "job", job), **fields), as_json=as_json)


def _training(path: Path | None, overrides: Pairs) -> tuple[dict[str, Any], dict[str, Any]]:
    """The training config and the job fields that a run's file sets, unchecked: the server reports every fault."""
    from cluster.config import RunConfig
    from engine.config.base import apply_overrides, read_yaml
    from services.cli.configs import Kind, kind_of

    values = read_yaml(path) if path else {}
    body: dict[str, Any] = {"model_id": RunConfig.model_fields["model"].default}
    if path is not None and kind_of(values) is Kind.RUN:
        body |= {field: values[name] for field, name in _OF_A_RUN.items() if name in values}
        values = values.get("training", {})
    return apply_overrides(values, overrides or []), body


_OF_A_RUN: Final = {"model_id": "model", "name": "name", "resources": "resources"}
"""Fields of a job and their counterparts in a run's file. Data and storage are left out: the platform sets them."""


def _laid(values: Mapping[str, Any], pairs: Pairs) -> dict[str, Any]:
    from engine.config.base import apply_overrides

    return apply_overrides(values, pairs or [])


def _launched(client: Client, job: models.JobOut, *, detach: bool, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        typer.echo(job.id)
    if not detach:
        _follow(client, job.id, as_json=as_json)


def _follow(client: Client, job_id: str, *, after: int = 0, as_json: bool) -> None:
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
    if not as_json and job.result and job.type == "training" and job.status == "succeeded":
        from rich.console import Console

        Console(stderr=True).print(result_table(job.result, where=f"lim jobs download {job_id} FOLDER"))
    say(f"Job {job_id}: {job.status}" + (f": {job.error}" if job.error else "."))
    if job.status != "succeeded":
        raise typer.Exit(FAILED)


def _say_status(job: models.JobOut, *, as_json: bool) -> None:
    say(f"Job {job.id} is {job.status}.")
    if as_json:
        print_json(job)


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
