"""The `lim` command: run the platform, train, check configs, transcribe.

Heavy imports happen inside the commands, so that `lim --help` is fast.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.process.threads import wait_passively
from engine.run.code_version import package_version
from services.cli import (
    account,
    adapters,
    admin,
    data,
    datasets,
    jobs,
    keys,
    models,
    notifications,
    pipelines,
    platform_state,
    projects,
    sweeps,
    users,
)
from services.cli.keys import Scope
from services.cli.output import Json
from services.cli.server import Server

app = typer.Typer(
    name="lim",
    help="Less Is More: QLoRA fine-tuning of audio-text models on Ray clusters.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich would cost 0.3 s of every start
    context_settings={"help_option_names": ["-h", "--help"]},
)

for noun in (
    *(datasets, jobs, sweeps, pipelines, adapters, models, projects, keys, notifications, account),
    *(platform_state, data, users, admin),
):
    app.add_typer(noun.app)
app.add_typer(pipelines.app, name="pipeline", hidden=True)  # name in earlier releases
app.add_typer(sweeps.app, name="sweep", hidden=True)

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change one field, e.g. training.max_steps=200; repeatable."),
]


class ConfigKind(StrEnum):
    """What a config file describes."""

    run = "run"
    training = "training"
    selection = "selection"
    selection_run = "selection-run"
    sweep_run = "sweep-run"
    evaluation_run = "evaluation-run"
    pipeline = "pipeline"
    processing = "processing"
    revision = "revision"


class Context(StrEnum):
    """How much of its window the audio encoder runs over."""

    short = "short"
    full = "full"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lim {package_version()}")
        raise typer.Exit


@app.callback()
def prepare(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Runs before every command, and before anything imports torch."""
    wait_passively()


@app.command()
def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the HTTP API; 0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address that the HTTP API listens on.")] = "127.0.0.1",
) -> None:
    """Start the whole platform on this machine; Ctrl-C stops it.

    PostgreSQL, object storage and Ray are started here unless DATABASE_URL, S3_ENDPOINT_URL or RAY_ADDRESS
    point to running ones. State is kept under LIM_HOME (default ~/.less-is-more).

    Example: lim up --port 8000
    """
    from services.cli.up import run_platform

    raise typer.Exit(run_platform(host=host, port=port))


@app.command()
def login(
    username: Annotated[str, typer.Argument(help="Name or e-mail of the account.")],
    server: Server = None,
    signup: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Make the account first, with this e-mail.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until the key expires.")] = 30,
    scope: Annotated[
        Scope, typer.Option(help="What the key may do: read; change what is yours; operate the platform (admins).")
    ] = Scope.write,
    export: Annotated[
        bool, typer.Option("--export", help="Print LIM_URL and LIM_API_KEY for this shell; keep nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Log in to a platform, which later commands then use. Prompts for the password unless LIM_PASSWORD is set.

    The API key is saved in ~/.config/less-is-more, readable only by you. LIM_URL and LIM_API_KEY take precedence.

    Example: lim login ada --server http://gpu-server:8000 --signup ada@example.org
    """
    from services.cli.login import login as logged_in

    logged_in(server, username, signup, days, scope.value, export=export, as_json=as_json)


@app.command()
def logout(server: Server = None) -> None:
    """Delete the key that `lim login` created, on the platform and on this machine. Needs the password.

    Example: lim logout
    """
    from services.cli.login import logout as logged_out

    logged_out(server)


@app.command()
def whoami(as_json: Json = False, server: Server = None) -> None:
    """Show which platform commands talk to, and as which user.

    Example: lim whoami
    """
    from services.cli.login import whoami as tell

    tell(server, as_json=as_json)


@app.command()
def status(as_json: Json = False, server: Server = None) -> None:
    """Show a platform's health: its dependencies and supervised processes. Exit code 1 when it is not ready.

    Example: lim status
    """
    from services.cli.platform_state import status as tell

    tell(server, as_json=as_json)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML file that describes a run.")],
    overrides: Overrides = None,
    local: Annotated[
        bool, typer.Option("--local", help="In this process, without Ray; files under build/runs/NAME.")
    ] = False,
) -> None:
    """Run a training config, on the Ray cluster or in this process, and show its progress.

    Example: lim train configs/runs/digits-qlora.yaml --set training.max_steps=100 --local
    """
    from services.cli import train as training

    (training.train_locally if local else training.train_on_cluster)(config, overrides or [])


@app.command()
def estimate(
    config: Annotated[Path, typer.Argument(help="YAML file of a run, or of a training.")],
    overrides: Overrides = None,
    data: Annotated[
        str | None,
        typer.Option(help="Dataset version, whose longest example counts; by default the run's data."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Base model: an id of the catalogue, a folder or a hub id; by default the run's.")
    ] = None,
    longest_s: Annotated[
        float | None,
        typer.Option(
            "--longest-s", min=0.1, max=3600.0, help="Length of the longest recording, if the data are not here."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Workers that share a step.")] = 1,
    probe: Annotated[
        bool, typer.Option("--probe", help="Measure two steps of the longest examples here, and calibrate with them.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Compute threads of the probe; by default all processors but one.")
    ] = None,
) -> None:
    """Show what a training needs in memory, by phase and part, and which devices it fits, without starting it.

    For those that it does not fit: the largest micro-batch that does, and the cheapest changes.

    Example: lim estimate configs/runs/digits-qlora.yaml --set training.batch.micro_batch_cost=120
    """
    from services.cli.estimate import estimate as show_estimate

    show_estimate(
        config,
        overrides or [],
        data=data,
        model=model,
        longest_s=longest_s,
        workers=workers,
        probes=probe,
        threads=threads,
    )


@app.command()
def ranks(
    config: Annotated[Path, typer.Argument(help="YAML file of a run, or of a training with --data.")],
    overrides: Overrides = None,
    data: Annotated[
        str | None,
        typer.Option(help="Dataset version or recordings: a folder, an archive or an address; by default the run's."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Base model: an id of the catalogue, a folder or a hub id; by default the run's.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for ranks.json, ranks.png and fixed.yaml; by default one below build/ranks for each question."
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Compute threads; by default all processors but one.")
    ] = None,
) -> None:
    """Show which ranks a training would give the layers of its adapters, without training.

    The gradient is sketched in this process, as method.allocation says; a table and a picture show rank by layer and part
    of the model.

    Example: lim ranks configs/runs/digits-qlora.yaml --set training.method.allocation.type=sketch
    """
    from services.cli.ranks import ranks as show_ranks

    show_ranks(config, overrides or [], data=data, model=model, out=out, threads=threads)


@app.command()
def validate(
    config: Annotated[Path, typer.Argument(help="YAML file of a run, a training or a selection.")],
    overrides: Overrides = None,
    kind: Annotated[
        ConfigKind | None, typer.Option(help="What the file describes; by default seen from its fields.")
    ] = None,
) -> None:
    """Check a config file and name every fault in it; exit code 2 when there is one.

    Example: lim validate configs/runs/digits-qlora.yaml --set resources.num_workers=2
    """
    from services.cli.configs import Kind, read_config
    from services.cli.reporting import reported

    with reported(str(config)):
        found = read_config(config, overrides or [], Kind(kind) if kind else None)
        typer.echo(f"{config}: a valid {type(found).__name__}")


class SpeechTask(Enum):
    """Whether speech becomes a transcript or a translation."""

    transcribe = "transcribe"
    translate = "translate"


@app.command()
def transcribe(
    audio: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    adapter: Annotated[Path | None, typer.Option(help="Folder of an adapter; without it the base model.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model: an id of the catalogue, a folder or a hub id, computed in float32; "
            "by default the base that the adapter was made for."
        ),
    ] = None,
    context: Annotated[
        Context | None, typer.Option(help="Encoder context; by default what the adapter, or the model, was trained in.")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="For multilingual models: a code or a name, such as sw or swahili; auto detects it in each file. "
            "By default the adapter's, else auto."
        ),
    ] = None,
    task: Annotated[
        SpeechTask, typer.Option(help="translate writes English; multilingual models only.")
    ] = SpeechTask.transcribe,
    fallback: Annotated[
        bool,
        typer.Option("--fallback", help="Retry repetitive or improbable transcripts at rising temperatures."),
    ] = False,
) -> None:
    """Transcribe recordings, one line each: path, tab, text. Languages and errors go to standard error.

    Exit code 1: some files could not be transcribed; they are named.

    Example: lim transcribe 7_jackson_32.wav --adapter build/demo-adapter
    """
    from services.cli.transcribe import transcribe as transcribed

    transcribed(
        audio,
        adapter=adapter,
        model=model,
        context=context.value if context else None,
        language=language,
        task=task.value,
        fallback=fallback,
    )


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="File to write to; by default standard output.")] = None,
    kind: Annotated[ConfigKind, typer.Option(help="Which config.")] = ConfigKind.run,
) -> None:
    """Print the JSON Schema of a config, with defaults, units and descriptions.

    Example: lim schema --kind training --out training.schema.json
    """
    import json

    from engine.config.form import form_schema
    from services.cli.configs import Kind, model_of

    text = json.dumps(form_schema(model_of(Kind(kind))), indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
