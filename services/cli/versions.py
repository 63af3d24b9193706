"""`lim datasets items`, `versions` and `revise`: inspect a dataset version and make the next one.

A dataset is a folder that `lim data import` made, or a dataset on a platform.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from engine.data.version_files import ITEMS_NAME, MANIFEST_NAME, REPORT_NAME
from engine.errors import ConfigError, Fault
from services.cli.output import Columns, Json, print_json, show_items
from services.cli.reporting import BAD_INPUT, reported, say
from services.cli.server import Server, complete, connected, find, given

if TYPE_CHECKING:
    from engine.data.revision import Revision

_PAGE: Final = 100

Dataset = Annotated[
    str,
    typer.Argument(
        help="Folder of a dataset version, or the name or id of a dataset on a platform.",
        autocompletion=complete("dataset"),
    ),
]
Number = Annotated[int | None, typer.Option("--version", help="Of a dataset on a platform; by default the newest.")]
Several = list[str] | None
Options = Annotated[
    Several,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change one option, e.g. validation.clipped_share=0.02, limits.max_item_s=40, split.test_fraction=0.2 or "
        "language=de; repeatable. `lim schema --kind processing` has all of them.",
    ),
]
Task = Annotated[
    str,
    typer.Option(
        metavar="TASK",
        help="What models learn from it, which says what is read: transcripts (speech_to_text), classes "
        "(audio_classification) or captions (captioning, retrieval).",
    ),
]
OptionsFile = Annotated[Path | None, typer.Option("--options", help="YAML of the same options.")]


def items(
    dataset: Dataset,
    finding: Annotated[str | None, typer.Option(help="Only items with a finding of this kind.")] = None,
    status: Annotated[str | None, typer.Option(help="Only `good` or only `rejected` items.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Only items of this speaker.")] = None,
    split: Annotated[str | None, typer.Option(help="Only items of this split.")] = None,
    search: Annotated[str | None, typer.Option(help="Only items with this in their path or text.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of items shown.")] = 50,
    version: Number = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """List the items of a dataset version, good and rejected, each with its text, speaker, split and findings.

    Example: lim datasets items build/data/mine --finding clipped
    """
    asked = {"finding": finding, "status": status, "speaker": speaker, "split": split, "q": search}
    wanted: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    with reported():
        if status not in (None, "good", "rejected"):
            say(f"--status is {status!r}; allowed: good, rejected")
            raise typer.Exit(BAD_INPUT)
        if is_remote(dataset):
            with connected(server) as client:
                wanted |= given(version=version)
                pages = client.list_items(find(client, "dataset", dataset), limit=min(limit, _PAGE), **wanted)
                found = [item.model_dump(mode="json") for item in islice(pages, limit)]
                total = pages.total
        else:
            from engine.data.items import matches, read_items

            matching = [item for item in read_items(Path(dataset) / ITEMS_NAME) if matches(item, wanted)]
            total, found = len(matching), [item.model_dump(mode="json") for item in matching[:limit]]
        _show_items(found, total, as_json=as_json)


def versions(dataset: Dataset, as_json: Json = False, server: Server = None) -> None:
    """List the versions of a dataset on a platform, or show how the version in a folder was made.

    Example: lim datasets versions speech
    """
    with reported():
        if is_remote(dataset):
            with connected(server) as client:
                pages = client.list_dataset_versions(find(client, "dataset", dataset))
                found = [version.model_dump(mode="json") for version in pages]
        else:
            from engine.data.revision import read_version

            record = read_version(Path(dataset)).model_dump(mode="json", exclude={"item_decisions"})
            found = [{**record, "status": "ready"}]
        if as_json:
            print_json({"items": found, "total": len(found)})
            return
        columns: Columns = {
            "Version": lambda each: each["number"],
            "Of": lambda each: each["parent"],
            "Status": lambda each: each["status"] + (f": {each['error']}" if each.get("error") else ""),
            "Utterances": lambda each: (each.get("statistics") or {}).get("utterances"),
            "Audio, s": lambda each: (each.get("statistics") or {}).get("audio_s"),
            "Options that differ, decisions": lambda each: "; ".join(
                [*_differing(each["options"]), *map(_told, each["decisions"])]
            ),
        }
        show_items(found, columns, as_json=False)


def revise(
    dataset: Dataset,
    out: Annotated[
        Path | None, typer.Argument(help="New folder for the next version; not for a dataset on a platform.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--from", help="YAML or JSON with `decisions` and options, as POST /datasets/ID/versions takes."),
    ] = None,
    accept: Annotated[Several, typer.Option(metavar="PATH", help="Take a rejected item in; repeatable.")] = None,
    accept_code: Annotated[
        Several, typer.Option(metavar="CODE", help="Take in what has this finding; repeatable.")
    ] = None,
    reject: Annotated[Several, typer.Option(metavar="PATH", help="Leave an item out; repeatable.")] = None,
    reject_code: Annotated[
        Several, typer.Option(metavar="CODE", help="Leave out what has this finding, e.g. noisy; repeatable.")
    ] = None,
    reject_speaker: Annotated[
        Several, typer.Option(metavar="SPEAKER", help="Leave out what this speaker says; repeatable.")
    ] = None,
    text: Annotated[Several, typer.Option(metavar="PATH=TEXT", help="Give an item another text; repeatable.")] = None,
    speaker: Annotated[
        Several, typer.Option(metavar="PATH=SPEAKER", help="Give an item another speaker, or none; repeatable.")
    ] = None,
    split: Annotated[
        Several,
        typer.Option(metavar="PATH=SPLIT", help="Put an item into train, validation, test or none; repeatable."),
    ] = None,
    options: Options = None,
    options_file: OptionsFile = None,
    source: Annotated[
        Path | None, typer.Option(help="The recordings, where they are not where they were imported from.")
    ] = None,
    parent: Annotated[
        int | None, typer.Option(help="Of a dataset on a platform: the version that is revised; by default the newest.")
    ] = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Make the next version of a dataset: accept, reject or edit items, change thresholds, split it again.

    Example: lim datasets revise build/data/mine build/data/mine-2 --accept clips/7.wav --set split.test_fraction=0.2
    """
    from engine.config.base import apply_overrides, parse, read_yaml
    from engine.data.revision import Revision

    with reported("The revision"):
        values = read_yaml(file) if file else {}
        decisions = [
            *(values.get("decisions") or []),
            *_selected("accept", paths=accept),
            *_selected("accept", codes=accept_code),
            *_selected("reject", paths=reject),
            *_selected("reject", codes=reject_code),
            *_selected("reject", speakers=reject_speaker),
            *_edits("text", text),
            *_edits("speaker", speaker),
            *_edits("split", split),
        ]
        values = apply_overrides({**values, **(read_yaml(options_file) if options_file else {})}, options or [])
        revision = parse(Revision, values | ({"decisions": decisions} if decisions else {}))
    if is_remote(dataset):
        with reported(), connected(server) as client:
            dataset = find(client, "dataset", dataset)
            body = revision.model_dump(mode="json", exclude_unset=True)
            begun = client.revise_dataset(dataset, **body | ({"parent": parent} if parent else {}))
            say(f"Version {begun.number} is being made of version {begun.parent}.")
            made = client.wait_for_dataset_version(dataset, begun.number)
            if as_json:
                print_json(made)
            else:
                typer.echo(f"Version {made.number} is ready: {(made.statistics or {}).get('utterances')} utterances")
        return
    if out is None:
        say("Give a new folder for the next version; existing versions never change.")
        raise typer.Exit(BAD_INPUT)
    with reported("The revision"):
        _revise_folder(Path(dataset), out, revision, source)


def read_options(file: Path | None, options: Several, **more: Any) -> dict[str, Any]:
    """Check processing options from a file and from `--set`, and return those that were given.

    Raises:
        ConfigError: options are invalid; lists every fault.
    """
    from engine.config.base import apply_overrides, parse, read_yaml
    from engine.config.processing import ProcessingConfig

    values = apply_overrides(read_yaml(file) if file else {}, options or [])
    values |= {name: value for name, value in more.items() if value is not None}
    parse(ProcessingConfig, values)
    return values


def is_remote(dataset: str) -> bool:
    """Whether this names a dataset on a platform rather than a folder."""
    return "/" not in dataset and not (Path(dataset) / MANIFEST_NAME).is_file()


def _revise_folder(parent: Path, out: Path, revision: Revision, source: Path | None) -> None:
    from engine.data.versions import changed_source, revise
    from services.cli.data import reading_bar
    from services.cli.report import show_report

    with reading_bar() as on_progress:
        report = revise(parent, out, revision, source=source, on_progress=on_progress)
    show_report(report, str(out), str(out / REPORT_NAME))
    if warning := changed_source(parent, out):
        say(f"warning: {warning}")
    say(f"The dataset version is at {out}")


def _selected(do: str, **selectors: Several) -> Iterator[dict[str, Any]]:
    for name, values in selectors.items():
        if values:
            yield {"do": do, name: values}


def _edits(field: str, given: Several) -> Iterator[dict[str, Any]]:
    for each in given or ():
        path, separator, value = each.partition("=")
        if not separator:
            raise ConfigError([Fault(f"--{field} {each}", "is written PATH=VALUE; of a path with = use --from")])
        yield {"do": "edit", "paths": [path], field: value or None}


def _show_items(found: Sequence[Mapping[str, Any]], total: int, *, as_json: bool) -> None:
    columns: Columns = {
        "Item": lambda item: item["path"],
        "Status": lambda item: item["status"],
        "Text": lambda item: item["text"],
        "Speaker": lambda item: item["speaker"],
        "Split": lambda item: item["split"],
        "Findings": lambda item: "\n".join(map(_found, item["findings"])),
    }
    show_items(found, columns, as_json=as_json, total=total)


def _found(finding: Mapping[str, Any]) -> str:
    overruled = " (overruled)" if finding["severity"] == "overruled" else ""
    return f"{finding['code']}{overruled}: {finding['reason']}"


def _differing(options: Mapping[str, Any]) -> Iterator[str]:
    """The options that differ from the defaults, as `path=value`."""
    from engine.config.processing import ProcessingConfig

    def flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
        for name, value in values.items():
            if isinstance(value, Mapping):
                yield from flat(value, f"{path}{name}.")
            else:
                yield f"{path}{name}", value

    usual = dict(flat(ProcessingConfig().model_dump(mode="json")))
    return (f"{path}={value}" for path, value in flat(options) if usual.get(path) != value)


def _told(decision: Mapping[str, Any]) -> str:
    selected, changed = [], []
    for name, value in decision.items():
        if isinstance(value, list):
            more = f" and {len(value) - 3} more" if len(value) > 3 else ""
            selected.append(f"{', '.join(map(str, value[:3]))}{more}")
        elif name != "do":
            changed.append(f"{name}={value}")
    return " ".join([decision["do"], *selected, *changed])
