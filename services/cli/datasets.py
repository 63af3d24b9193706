"""`lim datasets`: recordings on a platform, from upload to report."""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli import upload, versions
from services.cli.nouns import Limit, Noun
from services.cli.output import Json, Yes, confirm, print_json, show, show_items
from services.cli.report import answered_report, show_report
from services.cli.reporting import BAD_INPUT, reported, say
from services.cli.server import Server, connected, find, given, named, naming

_COLUMNS: Final = {
    "Name": lambda each: each.name,
    "Status": lambda each: f"{each.status}: {each.error}" if each.error else each.status,
    "Task": lambda each: each.task,
    "Version": lambda each: each.version,
    "Utterances": lambda each: (each.statistics or {}).get("utterances"),
    "Audio, s": lambda each: (each.statistics or {}).get("audio_s"),
    "Created": lambda each: each.created_at,
    "Id": lambda each: each.id,
}
NOUN: Final = Noun(
    "dataset",
    _COLUMNS,
    lambda client: client.list_datasets,
    lambda client: client.read_dataset,
    lambda client: client.delete_dataset,
    "all its versions and recordings on the platform",
)
app = NOUN.app("Recordings on a platform: upload, look through, correct, delete.")
NOUN.add_show(app)
NOUN.add_delete(app)
app.command("upload")(upload.upload)
app.command("items")(versions.items)
app.command("versions")(versions.versions)
app.command("revise")(versions.revise)

Dataset = Annotated[str, named("dataset")]
Version = Annotated[int | None, typer.Option("--version", help="By default the newest.")]


class Status(StrEnum):
    """Status of a dataset."""

    pending = "pending"
    processing = "processing"
    ready = "ready"
    error = "error"


NOUN.add_list(app, Status)


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="Address that anybody can get, or s3://bucket/prefix.")],
    name: Annotated[str, typer.Option(help="Name of the dataset.")],
    description: Annotated[str | None, typer.Option(help="What it is.")] = None,
    project: Annotated[str | None, naming("--project", kind="project", help="Where it belongs.")] = None,
    task: versions.Task = "speech_to_text",
    options: versions.Options = None,
    options_file: versions.OptionsFile = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the id and do not wait.")] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Let the platform fetch recordings, and wait until they are processed.

    Example: lim datasets fetch https://example.org/speech.zip --name speech
    """
    with reported("The options"):
        values = versions.read_options(options_file, options)
    where = {"type": "s3", "uri": source} if source.startswith("s3://") else {"type": "url", "url": source}
    with reported(), connected(server) as client:
        project_id = find(client, "project", project) if project else None
        fields = given(description=description, project_id=project_id, task=task) | values
        made = client.create_dataset(name, where, **fields).dataset
        if not detach:
            made = client.wait_for_dataset(made.id, timeout_s=upload.LONGEST_S)
        upload.tell(made, as_json=as_json)


@app.command()
def follow(dataset: Dataset, as_json: Json = False, server: Server = None) -> None:
    """Wait until a dataset is processed; exit code 1 if it cannot be used.

    Example: lim datasets follow speech
    """
    with reported(), connected(server) as client:
        made = client.wait_for_dataset(find(client, "dataset", dataset), timeout_s=upload.LONGEST_S)
        upload.tell(made, as_json=as_json)


@app.command()
def report(dataset: Dataset, version: Version = None, as_json: Json = False, server: Server = None) -> None:
    """Show what processing found: figures, warnings, and each rejected item with the reason.

    Example: lim datasets report speech
    """
    with reported(), connected(server) as client:
        answer = client.dataset_report(find(client, "dataset", dataset), **given(version=version))
        found = None if as_json else answered_report(answer)
        if found is None:
            print_json(answer)
        else:
            show_report(found, dataset, "lim datasets report --json")


@app.command()
def preview(dataset: Dataset, version: Version = None, as_json: Json = False, server: Server = None) -> None:
    """Show some items, spread over the dataset.

    Example: lim datasets preview speech
    """
    from engine.data.targets import TARGETS

    with reported(), connected(server) as client:
        dataset_id = find(client, "dataset", dataset)
        found = client.preview_dataset(dataset_id, **given(version=version))
        target = TARGETS[(client.read_dataset(dataset_id).statistics or {}).get("target", "text")]
        columns = {
            target.noun.capitalize(): lambda item: item.text,
            target.group.capitalize(): lambda item: item.speaker,
            "Split": lambda item: item.split,
            "s": lambda item: item.duration_s,
            "Id": lambda item: item.id,
        }
        show_items(found.items, columns, as_json=as_json, total=found.total)


@app.command()
def download(
    dataset: Dataset,
    out: Annotated[Path, typer.Argument(help="Folder for the recordings.")],
    item: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this item; repeatable.")] = None,
    version: Version = None,
    limit: Limit = 100,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Download good items as WAV files, with a metadata.csv of their texts and speakers.

    Example: lim datasets download speech recordings --limit 20
    """
    import csv

    with reported(), connected(server) as client:
        dataset_id = find(client, "dataset", dataset)
        number = version or client.read_dataset(dataset_id).version or 1
        pages = client.list_items(dataset_id, version=number, status="good", limit=100)
        wanted = set(item or ())
        rows = [each for each in islice(pages, None if wanted else limit) if not wanted or each.id in wanted]
        missing = wanted - {each.id for each in rows if each.id is not None}
        if missing:
            say(f"There is no good item {', '.join(sorted(missing))}; `lim datasets items {dataset}` lists them.")
            raise typer.Exit(BAD_INPUT)
        out.mkdir(parents=True, exist_ok=True)
        names = {each.path: f"{place:05}.wav" for place, each in enumerate(rows)}
        for each in rows:
            client.item_audio(dataset_id, each.id or "", version=number).save(out / names[each.path])
        with (out / "metadata.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(("file_name", "text", "speaker"))
            writer.writerows((names[each.path], each.text, each.speaker or "") for each in rows)
        say(f"{len(rows)} items are in {out}.")
        if as_json:
            print_json({"folder": str(out), "items": rows})


@app.command()
def change(
    dataset: Dataset,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    description: Annotated[str | None, typer.Option(help="Another description.")] = None,
    project: Annotated[str | None, naming("--project", kind="project", help="Another project; '' for none.")] = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Change a dataset's name, description or project.

    Example: lim datasets change speech --project digits
    """
    with reported(), connected(server) as client:
        fields: dict[str, Any] = given(name=name, description=description)
        if project is not None:
            fields["project_id"] = find(client, "project", project) if project else None
        changed = client.change_dataset(find(client, "dataset", dataset), **fields)
        show(changed, as_json=as_json)


@app.command("delete-version")
def delete_version(
    dataset: Dataset,
    number: Annotated[int, typer.Argument(help="Of the version.")],
    yes: Yes = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Delete a version that no job has used. Asks for confirmation unless --yes is given.

    Example: lim datasets delete-version speech 3 --yes
    """
    with reported(), connected(server) as client:
        dataset_id = find(client, "dataset", dataset)
        confirm(f"Delete version {number} of dataset {dataset}", yes=yes)
        client.delete_dataset_version(dataset_id, number)
        say(f"Version {number} of {dataset}: deleted.")
        if as_json:
            print_json({"deleted": [number]})
