"""`lim pipelines`: run all stages from recordings to an adapter version on a platform."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.cli.nouns import Noun
from services.cli.output import Json, cell, print_json, table_of
from services.cli.report import answered_report
from services.cli.reporting import BAD_INPUT, FAILED, reported, say
from services.cli.server import Server, connected, find, given, named, naming
from services.cli.upload import uploaded

if TYPE_CHECKING:
    from services.client import Client
    from services.client.generated.models import PipelineOut

_EVERY_S: Final = 1.0

_COLUMNS: Final = {
    "Name": lambda each: each.name,
    "Status": lambda each: each.status,
    "Done": lambda each: f"{each.progress:.0%}",
    "Stages": lambda each: ", ".join(f"{stage.name} {stage.status}" for stage in each.stages),
    "Created": lambda each: each.created_at,
    "Id": lambda each: each.id,
}
NOUN: Final = Noun(
    "pipeline",
    _COLUMNS,
    lambda client: client.list_pipelines,
    lambda client: client.read_pipeline,
    lambda client: client.delete_pipeline,
    "its jobs and what they made stay; it must have ended",
)
app = NOUN.app("All stages from recordings to an adapter's version as one, on a platform.")
Pipeline = Annotated[str, named("pipeline")]


class Status(StrEnum):
    """Status of a pipeline."""

    running = "running"
    stopping = "stopping"
    stopped = "stopped"
    succeeded = "succeeded"
    failed = "failed"


NOUN.add_list(app, Status)
NOUN.add_delete(app)


@app.command("run", hidden=True)  # name in earlier releases
@app.command()
def launch(
    config: Annotated[Path, typer.Argument(help="YAML file that declares a pipeline.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder, archive, Parquet or Arrow file of recordings to upload.")
    ] = None,
    dataset: Annotated[
        str | None, naming("--dataset", kind="dataset", help="A dataset that is there, in place of --data.")
    ] = None,
    version: Annotated[
        int | None, typer.Option("--dataset-version", help="Version of --dataset; by default the newest that is ready.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change one field; repeatable.")
    ] = None,
    project: Annotated[str | None, naming("--project", kind="project", help="Where it belongs.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the id and do not follow.")] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Upload recordings, run every stage and show the progress; the id and the results go to standard output.

    Example: lim pipelines launch configs/pipelines/digits.yaml --data recordings
    """
    from engine.config.base import apply_overrides, parse, read_yaml
    from services.pipelines.declaration import Declaration

    if (data is None) == (dataset is None):
        say("Give --data with recordings, or --dataset with the id of a dataset that is there.")
        raise typer.Exit(BAD_INPUT)
    with reported(str(config)):
        values = apply_overrides(read_yaml(config), overrides or [])
        parse(Declaration, values)  # report every fault before uploading anything
        with connected(server) as client:
            project_id = find(client, "project", project) if project else None
            more = given(dataset_version=version, project_id=project_id)
            dataset_id = uploaded(client, data).id if data is not None else find(client, "dataset", dataset or "")
            pipeline = client.create_pipeline(**values, dataset_id=dataset_id, **more)
            if detach:
                if as_json:
                    print_json(pipeline)
                else:
                    typer.echo(pipeline.id)
                return
            _follow(client, pipeline, as_json=as_json)


@app.command()
def show(pipeline: Pipeline, as_json: Json = False, server: Server = None) -> None:
    """Show a pipeline and its stages.

    Example: lim pipelines show digits
    """
    with reported(), connected(server) as client:
        found = client.read_pipeline(find(client, "pipeline", pipeline))
        if as_json:
            print_json(found)
        else:
            Console().print(_table(found))


@app.command()
def follow(pipeline: Pipeline, as_json: Json = False, server: Server = None) -> None:
    """Show a pipeline's progress until it ends; Ctrl-C leaves it running. The results go to standard output.

    With --json each change is one line.

    Example: lim pipelines follow digits
    """
    with reported(), connected(server) as client:
        _follow(client, client.read_pipeline(find(client, "pipeline", pipeline)), as_json=as_json)


@app.command()
def stop(pipeline: Pipeline, as_json: Json = False, server: Server = None) -> None:
    """Stop a pipeline; its jobs save a checkpoint.

    Example: lim pipelines stop digits
    """
    with reported(), connected(server) as client:
        stopped = client.stop_pipeline(find(client, "pipeline", pipeline))
        say(f"The pipeline is {stopped.status}.")
        if as_json:
            print_json(stopped)


@app.command()
def resume(
    pipeline: Pipeline,
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow.")] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Resume a stopped or failed pipeline at the stage that did not succeed, and follow it.

    Example: lim pipelines resume digits
    """
    with reported(), connected(server) as client:
        resumed = client.resume_pipeline(find(client, "pipeline", pipeline))
        if not detach:
            _follow(client, resumed, as_json=as_json)
        elif as_json:
            print_json(resumed)


def _follow(client: Client, pipeline: PipelineOut, *, as_json: bool = False) -> None:
    """Show a pipeline until it ends, with `as_json` one line per change; Ctrl-C leaves it running."""
    from services.client import FINAL_STATUSES

    say(f"Pipeline {pipeline.id}")
    told, printed = False, None
    try:
        with Live(_table(pipeline), console=Console(stderr=True), refresh_per_second=2) as live:
            while pipeline.status not in FINAL_STATUSES:
                told = told or _tell_data(client, pipeline)
                if as_json and printed != pipeline:
                    print_json(pipeline)
                    printed = pipeline
                time.sleep(_EVERY_S)
                pipeline = client.read_pipeline(pipeline.id)
                live.update(_table(pipeline))
    except KeyboardInterrupt:
        say(f"Pipeline {pipeline.id} is still running; `lim pipelines stop {pipeline.id}` stops it.")
        raise
    if not told:
        _tell_data(client, pipeline)
    if as_json:
        print_json(pipeline)
    else:
        results = {stage.name: stage.result for stage in pipeline.stages if stage.result is not None}
        typer.echo(json.dumps({"id": pipeline.id, "status": pipeline.status, "results": results}, indent=1))
    if pipeline.status != "succeeded":
        say(f"`lim pipelines resume {pipeline.id}` resumes it.")
        raise typer.Exit(FAILED)


def _tell_data(client: Client, pipeline: PipelineOut) -> bool:
    """Print the ingestion report's lines once that stage has a result; return whether it has."""
    from engine.data.telling import report_lines

    for stage in pipeline.stages:
        made = stage.result or {}
        if stage.type == "ingest" and "dataset_id" in made:
            report = answered_report(
                client.dataset_report(made["dataset_id"], **given(version=made.get("dataset_version")))
            )
            where = f"lim datasets report {made['dataset_id']}"
            for line in report_lines(report, where) if report is not None else ():
                say(line.text if line.level == "notice" else f"{line.level}: {line.text}")
            return True
    return False


def _table(pipeline: PipelineOut) -> Table:
    title = f"{pipeline.name}: {pipeline.status}, {pipeline.progress:.0%}"
    table = table_of(("Stage", "Status", "Tries", "Done", ""), title)
    for stage in pipeline.stages:
        told = stage.error or _figures(stage.result or {})
        if stage.next_attempt_at is not None and stage.status == "waiting":
            told = f"retry at {stage.next_attempt_at:%H:%M:%S}: {told}"
        table.add_row(*map(cell, (stage.name, stage.status, stage.attempts or "", f"{stage.progress:.0%}", told)))
    return table


def _figures(result: dict[str, object]) -> str:
    """The numeric values of a result."""
    shown = {name: value for name, value in result.items() if isinstance(value, int | float) and value is not None}
    return ", ".join(f"{name} {value:.4g}" for name, value in shown.items())
