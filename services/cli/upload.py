"""`lim datasets upload`: upload recordings as a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli.output import Json, print_json
from services.cli.reporting import reported, say
from services.cli.server import Server, connected, find, given, naming
from services.cli.versions import Options, OptionsFile, Task, read_options

if TYPE_CHECKING:
    from services.client import Client, models

LONGEST_S: Final = 24 * 3600.0
"""How long commands wait for a dataset to be processed."""


def upload(
    source: Annotated[Path, typer.Argument(help="Folder, archive, Parquet or Arrow file of recordings.")],
    name: Annotated[
        str | None, typer.Option(help="Name of the dataset; by default that of the file or folder.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is.")] = None,
    project: Annotated[str | None, naming("--project", kind="project", help="Where it belongs.")] = None,
    task: Task = "speech_to_text",
    options: Options = None,
    options_file: OptionsFile = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the id and do not wait for the processing.")] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Upload recordings and wait until they are processed; the dataset's id goes to standard output.

    Repeat the command to resume an interrupted upload.

    Example: lim datasets upload recordings.zip --set limits.max_item_s=40 --set split.test_fraction=0.1
    """
    with reported("The options"):
        values = read_options(options_file, options)  # report every fault before uploading anything
    with reported(), connected(server) as client:
        project_id = find(client, "project", project) if project else None
        fields = given(description=description, project_id=project_id, task=task) | values
        made = uploaded(client, source, name=name, options=fields)
        if not detach:
            made = client.wait_for_dataset(made.id, timeout_s=LONGEST_S)
        tell(made, as_json=as_json)


def uploaded(
    client: Client, source: Path, *, name: str | None = None, options: Mapping[str, Any] | None = None
) -> models.DatasetOut:
    """Upload recordings as a new dataset; return it without waiting for the processing."""
    say(f"Uploading {source}")
    with moving(source.name) as progress:
        return client.upload_dataset(
            name or source.resolve().stem, source, progress=progress, wait=False, **(options or {})
        )


def tell(dataset: models.DatasetOut, *, as_json: bool) -> None:
    """Print the dataset's id, or the whole dataset as JSON, to standard output; its counts go to standard error."""
    if dataset.status == "ready":
        statistics = dataset.statistics or {}
        rejected = statistics.get("set_aside", 0)
        good = statistics.get("utterances")
        say(f"{dataset.name}: {good} good items, {rejected} rejected; see `lim datasets report {dataset.id}`")
    if as_json:
        print_json(dataset)
    else:
        typer.echo(dataset.id)


@contextmanager
def moving(what: str) -> Iterator[Callable[[int], None]]:
    """Show the transfer on a terminal; yield a callback that takes the number of bytes just moved."""
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda count: None
        return
    with Progress(TextColumn(what), DownloadColumn(), TransferSpeedColumn(), console=console) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.advance(task, count)
