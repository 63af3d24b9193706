"""`lim sweeps`: search for the best training on a platform, and train by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli.job_launch import Budget, DatasetVersion, Overrides, Priority, Project, Resources, laid
from services.cli.job_progress import Detach, NoWait, launched, stop_job
from services.cli.jobs import Status
from services.cli.nouns import Noun
from services.cli.output import Json, cell, figure, print_json, table_of
from services.cli.reporting import reported, say
from services.cli.server import Server, connected, find, given, named, naming

if TYPE_CHECKING:
    from services.client import Client, models

_COLUMNS: Final = {
    "Name": lambda each: each.name,
    "Status": lambda each: each.status,
    "Done": lambda each: f"{each.progress:.0%}",
    "Best": lambda each: figure(each.metrics.get("primary"), each.metrics.get("best_value")),
    "Model": lambda each: each.model_id or "",
    "Created": lambda each: each.created_at,
    "Id": lambda each: each.id,
}
NOUN: Final = Noun(
    "sweep",
    _COLUMNS,
    lambda client: client.list_sweeps,
    lambda client: client.read_sweep,
    lambda client: client.delete_job,
    "its trials and their files; it must have ended",
)
app = NOUN.app("Searches for the best training: learning rates, ranks and whatever else a training config has.")
NOUN.add_list(app, Status)
NOUN.add_delete(app)
Sweep = Annotated[str, named("sweep")]


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="YAML file of a sweep, such as configs/sweeps/learning-rate.yaml.")],
    dataset: Annotated[str, naming("--dataset", kind="dataset", help="What to train on.")],
    model: Annotated[str | None, naming("--model", kind="model", help="Base model; by default the file's.")] = None,
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option(help="Name of the sweep; by default the file's.")] = None,
    dataset_version: DatasetVersion = None,
    resources: Resources = None,
    budget: Budget = None,
    priority: Priority = None,
    project: Project = None,
    detach: Detach = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Launch a sweep and follow it; Ctrl-C leaves it running. The first line of standard output is its id.

    --resources says what a trial gets, and num_workers how many trials run at the same time. Without a platform,
    `python -m tuning.sweep --config FILE` runs the same file.

    Example: lim sweeps run configs/sweeps/learning-rate.yaml --dataset speech --set search.algorithm.trials=12
    """
    from engine.config.base import apply_overrides, read_yaml

    with reported(str(config)):
        values = apply_overrides(read_yaml(config), overrides or [])
        body = {field: values[key] for field, key in _OF_A_RUN.items() if key in values}
        body |= {"resources": laid(_resources(values.get("resources")), resources)}
        body |= given(name=name, priority=priority, budget=laid({}, budget) if budget else None)
        model = model or values.get("model") or _default_model()
    with reported(str(config)), connected(server) as client:
        body |= given(dataset_version=dataset_version, project_id=find(client, "project", project) if project else None)
        made = client.create_sweep(
            model, find(client, "dataset", dataset), values.get("training", {}), values.get("search", {}), **body
        )
        launched(client, made, detach=detach, as_json=as_json)
        if not detach and not as_json:
            _print_trials(client.read_sweep(made.id))


@app.command()
def show(sweep: Sweep, as_json: Json = False, server: Server = None) -> None:
    """Show a sweep's trials, the best one, and which are on the Pareto fronts of quality against memory and parameters.

    Example: lim sweeps show learning-rate
    """
    with reported(), connected(server) as client:
        found = client.read_sweep(find(client, "sweep", sweep))
        if as_json:
            print_json(found)
        else:
            _print_trials(found)


@app.command()
def stop(
    sweep: Sweep,
    detach: NoWait = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Stop a sweep, whose trials save a checkpoint; `lim jobs resume` goes on with it.

    Example: lim sweeps stop learning-rate
    """
    with reported(), connected(server) as client:
        stop_job(client, client.stop_sweep, find(client, "sweep", sweep), detach=detach, as_json=as_json)


@app.command()
def best(
    sweep: Sweep,
    train: Annotated[bool, typer.Option("--train", help="Train by it on everything, and follow the training.")] = False,
    name: Annotated[str | None, typer.Option(help="Name of the training.")] = None,
    resources: Annotated[
        list[str] | None,
        typer.Option("--resources", metavar="FIELD=VALUE", help="Of the training; by default those of a trial."),
    ] = None,
    budget: Budget = None,
    priority: Priority = None,
    project: Project = None,
    detach: Detach = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Show the best trial of a sweep; with --train, launch a training by it on everything.

    Everything: without a selection, and on the validation examples too, unless the training depends on them.

    Example: lim sweeps best learning-rate --train --name digits
    """
    with reported(), connected(server) as client:
        sweep_id = find(client, "sweep", sweep)
        if not train:
            _show_best(client, sweep_id, as_json=as_json)
            return
        body: dict[str, Any] = given(
            name=name,
            priority=priority,
            resources=laid({}, resources) if resources else None,
            budget=laid({}, budget) if budget else None,
            project_id=find(client, "project", project) if project else None,
        )
        launched(client, client.train_best(sweep_id, **body), detach=detach, as_json=as_json)


_OF_A_RUN: Final = {"name": "name", "selection": "selection"}
"""Fields of a sweep on a platform and their counterparts in a file. Data and storage are left out: the platform sets them."""
_OF_A_TRIAL: Final = {"trials_at_once": "num_workers"}


def _resources(values: Any) -> dict[str, Any]:
    """Resources of a sweep's file as those of a job: as many workers as trials run at the same time."""
    if not isinstance(values, dict):
        return {}
    renamed = {_OF_A_TRIAL.get(key, key.replace("_per_trial", "_per_worker")): value for key, value in values.items()}
    return {key: value for key, value in renamed.items() if value is not None}


def _default_model() -> str:
    from tuning.sweep.config import SweepRunConfig

    return str(SweepRunConfig.model_fields["model"].default)


def _show_best(client: Client, sweep_id: str, *, as_json: bool) -> None:
    found = client.read_sweep(sweep_id)
    if as_json:
        print_json({"best": found.best, "config": (found.result or {}).get("best_config")})
        return
    if found.best is None:
        say(f"The sweep is {found.status}; no trial has been validated yet.")
        return
    say(f"Trial {found.best.number}: {figure(found.best.primary, found.best.value)} after {found.best.step} steps.")
    for path, value in found.best.values.items():
        typer.echo(f"{path}={_short(value)}")


def _print_trials(sweep: models.SweepOut) -> None:
    from rich.console import Console

    paths = list(dict.fromkeys(path for trial in sweep.trials for path in trial.values))
    fronts = {"memory": sweep.front.get("peak_bytes", []), "parameters": sweep.front.get("trainable_parameters", [])}
    table = table_of(
        ("Trial", "State", "Value", "Steps", "Seconds", "Peak MiB", "Parameters", "Front", *paths),
        f"{sweep.name}: {sweep.status}",
    )
    for trial in sweep.trials:
        mark = " *" if sweep.best is not None and trial.number == sweep.best.number else ""
        row = (
            f"{trial.number}{mark}",
            trial.state if trial.error is None else f"{trial.state}: {trial.error}",
            figure(trial.primary, trial.value),
            trial.step,
            f"{trial.seconds:.0f}",
            f"{trial.peak_bytes / 2**20:.0f}" if trial.peak_bytes else "",
            f"{trial.trainable_parameters:,}" if trial.trainable_parameters else "",
            ", ".join(name for name, numbers in fronts.items() if trial.number in numbers),
            *(_short(trial.values[path]) if path in trial.values else "" for path in paths),
        )
        table.add_row(*map(cell, row))
    Console().print(table)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
