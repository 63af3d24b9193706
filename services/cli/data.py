"""`lim data`: inspect recordings, import them as a dataset version, select what a run trains on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.data.version_files import MANIFEST_NAME, REPORT_NAME
from engine.errors import IngestError
from engine.run.shown import duration
from services.cli import upload, versions
from services.cli.report import counts, print_table, show_report
from services.cli.reporting import reported, say

if TYPE_CHECKING:
    from engine.data.report import IngestReport
    from engine.data.revision import VersionRecord
    from engine.selection.result import SelectionResult
    from engine.stages.ingest import OnProgress

_SPEED: Final = 40.0  # encoder seconds per second, of whisper-pico on two cores

app = typer.Typer(
    name="data",
    help="Recordings on this machine: inspect, import, choose what to train on. On a platform: `lim datasets`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
# Names of `lim datasets` commands in earlier releases.
app.command("upload", hidden=True)(upload.upload)
app.command("items", hidden=True)(versions.items)
app.command("versions", hidden=True)(versions.versions)
app.command("revise", hidden=True)(versions.revise)

Source = Annotated[Path, typer.Argument(help="Folder, zip, tar, Parquet or Arrow file of recordings.")]
Language = Annotated[
    str | None,
    typer.Option(
        metavar="CODE",
        help="Language of the recordings, such as de: digits in file names (7_anna_1.wav) become its words. By default "
        "English words, with a warning.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change one field of the selection; repeatable."),
]


@app.command()
def inspect(
    source: Annotated[Path, typer.Argument(help="Recordings, or a dataset version made of them.")],
    out: Annotated[Path | None, typer.Option(help="File for the whole report (JSON).")] = None,
    language: Language = None,
    task: versions.Task = "speech_to_text",
    options: versions.Options = None,
    options_file: versions.OptionsFile = None,
) -> None:
    """Show what recordings contain: the source of their texts, three examples, and every unusable item.

    Nothing is imported or kept. For a dataset version, its stored report is shown.

    Example: lim data inspect recordings.zip --out report.json
    """
    with reported("The options"):
        wanted = _record(source, versions.read_options(options_file, options, language=language), task)
    with reported():
        kept = _kept_report(source)
        where = str(out) if out else str(source / REPORT_NAME) if kept else "give --out FILE to write it"
        report = kept or _fresh_report(source, wanted)
        show_report(report, str(source), where)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")


@app.command("import")
def import_(
    source: Source,
    target: Annotated[Path, typer.Argument(help="New folder for the dataset version.")],
    division: Annotated[
        list[str] | None,
        typer.Option(
            "--split",
            metavar="FIELD=VALUE",
            help="Keep a part for test and validation, by speaker, and write it into the manifest: test_fraction=0.1, "
            "validation_fraction=0.05, by=recording, seed=1; the same as --set split.FIELD=VALUE; repeatable.",
        ),
    ] = None,
    language: Language = None,
    task: versions.Task = "speech_to_text",
    options: versions.Options = None,
    options_file: versions.OptionsFile = None,
) -> None:
    """Make a dataset version: a manifest, audio at 16 kHz, and the report.

    Example: lim data import recordings.tar.gz build/data/digits --split test_fraction=0.2 --set limits.max_item_s=40
    """
    with reported("The options"):
        given = [*(options or ()), *(f"split.{field}" for field in division or ())]
        wanted = _record(source, versions.read_options(options_file, given, language=language), task)
    with reported():
        report = _imported(source, target, wanted)
        show_report(report, str(source), str(target / REPORT_NAME))
        say(f"The dataset version is at {target}")


@app.command()
def select(
    data: Annotated[Path, typer.Argument(help="Dataset version: what `lim data import` made.")],
    out: Annotated[Path, typer.Argument(help="Folder for the selection.")],
    config: Annotated[
        Path | None, typer.Option(help="YAML of the selection; by default the method with its defaults.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--for", help="YAML of the run or training that it is for: its split says what may be chosen."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Base model: an id of the catalogue, a folder or a hub id; by default the run's.")
    ] = None,
    overrides: Overrides = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only predict what the selection would save; nothing is read or written.")
    ] = False,
    encoder_s_per_s: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="Speed of training, in encoder seconds per second, to predict what the selection saves; by default 40 in "
            "a dry run, else what the warm-up measures.",
        ),
    ] = None,
) -> None:
    """Choose the segments worth training on.

    Example: lim data select build/data/mine build/half --for configs/runs/digits-qlora.yaml --dry-run
    """
    from engine.config.base import apply_overrides, parse, read_yaml
    from engine.config.selection import SelectionConfig
    from services.cli.configs import read_training

    with reported(str(run)):
        training, runs_model = read_training(run)
    with reported(str(config or "The selection")):
        chosen = parse(SelectionConfig, apply_overrides(read_yaml(config) if config else {}, overrides or []))
        if dry_run:
            from engine.memory.sizes import sizes_of
            from engine.models.catalogue import find_model
            from engine.selection.pool import dry_run as predict

            sizes = sizes_of(find_model(model or runs_model))
            speed = encoder_s_per_s or _SPEED
            saving = predict(data, chosen, training, encoder_s_per_s=speed, trained_context=sizes.trained_context)
            typer.echo(saving.sentence())
            return
        from engine.process.threads import compute_threads
        from engine.stages.select import select as run_selection
        from services.cli.progress import RunProgress

        work = out / ".scratch"  # an interrupted selection resumes from here
        with RunProgress() as progress:
            result = run_selection(
                data,
                chosen,
                model=model or runs_model,
                training=training,
                out=out,
                work_dir=work,
                events=progress,
                threads=compute_threads(),
                encoder_s_per_s=encoder_s_per_s,
            )
        shutil.rmtree(work, ignore_errors=True)
        _show_selection(result, out)


def _kept_report(source: Path) -> IngestReport | None:
    """The report of a dataset version; None if the source is not one."""
    from engine.data.report import IngestReport

    if not (source / MANIFEST_NAME).is_file():
        return None
    if not (source / REPORT_NAME).is_file():
        raise IngestError(
            f"{source} is a dataset version (it has a {MANIFEST_NAME}) without a {REPORT_NAME}, so that it is not known what "
            "was found when it was made; inspect the recordings that it was made of"
        )
    try:
        return IngestReport.model_validate_json((source / REPORT_NAME).read_bytes())
    except ValueError as error:
        raise IngestError(f"{source / REPORT_NAME} is no report of this version: {error}") from error


def _record(source: Path, options: Mapping[str, Any], task: str) -> VersionRecord:
    """The record of the version that is asked for.

    Raises:
        ConfigError: no such task; names the allowed ones.
    """
    from engine.config.base import parse
    from engine.data.revision import VersionRecord

    return parse(VersionRecord, {"source": str(source.absolute()), "options": options, "task": task})


def _imported(source: Path, target: Path, record: VersionRecord) -> IngestReport:
    from engine.data.versions import make_version

    with reading_bar() as on_progress:
        return make_version(source, target, record, on_progress=on_progress)


def _fresh_report(source: Path, record: VersionRecord) -> IngestReport:
    from engine.data.report import IngestReport

    with tempfile.TemporaryDirectory(prefix="lim-inspect-") as folder:
        target = Path(folder) / "data"
        try:
            return _imported(source, target, record)
        except IngestError:
            # No usable item: the report gives the reason for each.
            if not (target / REPORT_NAME).is_file():
                raise
            return IngestReport.model_validate_json((target / REPORT_NAME).read_bytes())


@contextmanager
def reading_bar() -> Iterator[OnProgress]:
    """Show a progress bar over items on a terminal; show nothing when output is redirected."""
    console = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _show_selection(result: SelectionResult, out: Path) -> None:
    figures = result.figures
    rows = {
        "Utterances": f"{figures.utterances:,}, {duration(figures.utterances_audio_s)}",
        "Segments": f"{figures.segments:,}, {duration(figures.segments_audio_s)}",
        "Selected": f"{figures.selected:,}, {duration(figures.selected_audio_s)}",
        "Budget": f"{figures.selected_encoder_s:.0f} of {figures.budget_encoder_s:.0f} encoder seconds",
        "Largest weight": f"{figures.largest_weight:.2f}",
        "Path": str(out),
    }
    if figures.left_out_by_fault:
        rows["Left out"] = counts(figures.left_out_by_fault)
    print_table("selection", rows)
    if result.saving is not None:
        typer.echo(result.saving.sentence())
    for warning in result.warnings:
        say(f"warning: {warning}")
