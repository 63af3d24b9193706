"""`lim data upload`: recordings become a dataset on a platform."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.reporting import reported, say
from services.cli.server import LOCAL, Server, connected
from services.cli.versions import Options, OptionsFile, read_options

if TYPE_CHECKING:
    from services.client import Client


def register(app: typer.Typer) -> None:
    """Make this command a part of `lim data`."""
    app.command()(upload)


def upload(
    source: Annotated[Path, typer.Argument(help="Folder, archive or Parquet file of recordings.")],
    name: Annotated[
        str | None, typer.Option(help="Name of the dataset; by default that of the file or folder.")
    ] = None,
    options: Options = None,
    options_file: OptionsFile = None,
    server: Server = LOCAL,
) -> None:
    """Upload recordings to a platform and wait until they are processed; the dataset's id goes to standard output.

    Example: lim data upload recordings.zip --set limits.max_item_s=40 --set split.test_fraction=0.1
    """
    with reported("The options"):
        values = read_options(options_file, options)  # every fault before anything is uploaded
    with reported(), connected(server) as client:
        dataset_id = uploaded(client, source, name=name, options=values)
        dataset = client.wait_for_dataset(dataset_id, timeout_s=24 * 3600.0)
        statistics = dataset.statistics or {}
        rejected = statistics.get("set_aside", 0)
        say(f"{dataset.name}: {statistics.get('utterances')} good items, {rejected} rejected; see `lim data items`")
        typer.echo(dataset_id)


def uploaded(client: Client, source: Path, *, name: str | None = None, options: Mapping[str, Any] | None = None) -> str:
    """The id of a new dataset of these recordings, which is being processed."""
    say(f"Uploading {source}")
    return client.upload_dataset(name or source.resolve().stem, source, wait=False, **(options or {})).id
