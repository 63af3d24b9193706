"""`lim pipeline`: from recordings to a version of an adapter, on a platform that runs somewhere."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from engine.data.telling import report_lines
from services.cli.report import answered_report
from services.cli.reporting import BAD_INPUT, FAILED, reported, say
from services.cli.server import LOCAL, Server, connected, given
from services.cli.upload import uploaded

if TYPE_CHECKING:
    from services.client import Client
    from services.client.generated.models import PipelineOut

_EVERY_S: Final = 1.0

app = typer.Typer(
    name="pipeline",
    help="Run all stages from recordings to an adapter's version as one, on a platform. Its address is LIM_SERVER, and "
    "LIM_API_KEY a key from POST /users/me/api-keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Id = Annotated[str, typer.Argument(help="Id of a pipeline.")]


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="YAML file that declares a pipeline.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder, archive, Parquet or Arrow file of recordings to upload.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Id of a dataset that is there, in place of --data.")] = None,
    version: Annotated[
        int | None, typer.Option("--dataset-version", help="Version of --dataset; by default the newest that is ready.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change one field; repeatable.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the id and do not wait.")] = False,
    server: Server = LOCAL,
) -> None:
    """Upload recordings, run every stage, and show how it goes; the id and what came of it go to standard output.

    Example: lim pipeline run configs/pipelines/digits.yaml --data recordings
    """
    from engine.config.base import apply_overrides, parse, read_yaml
    from services.pipelines.plan import Declaration

    if (data is None) == (dataset is None):
        say("Give --data with recordings, or --dataset with the id of a dataset that is there.")
        raise typer.Exit(BAD_INPUT)
    with reported(str(config)):
        values = apply_overrides(read_yaml(config), overrides or [])
        parse(Declaration, values)  # every fault before anything is uploaded
        with connected(server) as client:
            if dataset is None and data is not None:
                dataset = uploaded(client, data)
            pipeline = client.create_pipeline(**values, dataset_id=dataset or "", **given(dataset_version=version))
            if detach:
                typer.echo(pipeline.id)
                return
            _follow(client, pipeline)


@app.command()
def show(pipeline_id: Id, server: Server = LOCAL) -> None:
    """Show a pipeline and its stages.

    Example: lim pipeline show 5b1c...
    """
    with reported(), connected(server) as client:
        Console().print(_table(client.read_pipeline(pipeline_id)))


@app.command()
def stop(pipeline_id: Id, server: Server = LOCAL) -> None:
    """Stop a pipeline; its jobs save a checkpoint.

    Example: lim pipeline stop 5b1c...
    """
    with reported(), connected(server) as client:
        say(f"The pipeline is {client.stop_pipeline(pipeline_id).status}.")


@app.command()
def resume(pipeline_id: Id, server: Server = LOCAL) -> None:
    """Let a stopped or failed pipeline go on at the stage that did not succeed, and show how it goes.

    Example: lim pipeline resume 5b1c...
    """
    with reported(), connected(server) as client:
        _follow(client, client.resume_pipeline(pipeline_id))


def _follow(client: Client, pipeline: PipelineOut) -> None:
    """Show a pipeline until it has ended; Ctrl-C leaves it running."""
    from services.client import FINAL_STATUSES

    say(f"Pipeline {pipeline.id}")
    told = False
    try:
        with Live(_table(pipeline), console=Console(stderr=True), refresh_per_second=2) as live:
            while pipeline.status not in FINAL_STATUSES:
                told = told or _tell_data(client, pipeline)
                time.sleep(_EVERY_S)
                pipeline = client.read_pipeline(pipeline.id)
                live.update(_table(pipeline))
    except KeyboardInterrupt:
        say(f"It goes on; `lim pipeline stop {pipeline.id}` stops it.")
        raise
    if not told:
        _tell_data(client, pipeline)
    results = {stage.name: stage.result for stage in pipeline.stages if stage.result is not None}
    typer.echo(json.dumps({"id": pipeline.id, "status": pipeline.status, "results": results}, indent=1))
    if pipeline.status != "succeeded":
        say(f"`lim pipeline resume {pipeline.id}` goes on where it is.")
        raise typer.Exit(FAILED)


def _tell_data(client: Client, pipeline: PipelineOut) -> bool:
    """Say what was found in the recordings, once their stage has ended; whether it was said."""
    for stage in pipeline.stages:
        made = stage.result or {}
        if stage.type == "ingest" and "dataset_id" in made:
            report = answered_report(
                client.dataset_report(made["dataset_id"], **given(version=made.get("dataset_version")))
            )
            where = f"GET /datasets/{made['dataset_id']}/report"
            for line in report_lines(report, where) if report is not None else ():
                say(line.text if line.level == "notice" else f"{line.level}: {line.text}")
            return True
    return False


def _table(pipeline: PipelineOut) -> Table:
    table = Table(title=f"{pipeline.name}: {pipeline.status}, {pipeline.progress:.0%}")
    for title in ("Stage", "Status", "Tries", "Done", ""):
        table.add_column(title, overflow="fold")
    for stage in pipeline.stages:
        told = stage.error or _figures(stage.result or {})
        if stage.next_attempt_at is not None and stage.status == "waiting":
            told = f"tried again at {stage.next_attempt_at:%H:%M:%S}: {told}"
        table.add_row(stage.name, stage.status, str(stage.attempts or ""), f"{stage.progress:.0%}", told)
    return table


def _figures(result: dict[str, object]) -> str:
    """The plain figures of a result."""
    shown = {name: value for name, value in result.items() if isinstance(value, int | float) and value is not None}
    return ", ".join(f"{name} {value:.4g}" for name, value in shown.items())
