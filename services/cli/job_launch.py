"""`lim jobs launch`, `evaluate` and `estimate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.job_progress import Detach, launched
from services.cli.output import Json, show
from services.cli.reporting import reported
from services.cli.server import Server, connected, find, given, named, naming

Pairs = list[str] | None
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
            body["resources"] = laid(described.get("resources", {}), resources)
        if budget:
            body["budget"] = laid({}, budget)
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
        launched(client, job, detach=detach, as_json=as_json)


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
            field: laid({}, pairs)
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
        launched(client, made, detach=detach, as_json=as_json)


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
            body["resources"] = laid(body.get("resources", {}), resources)
    with reported(), connected(server) as client:
        body |= given(dataset_id=find(client, "dataset", dataset) if dataset else None, dataset_version=dataset_version)
        show(client.estimate(body.pop("model_id"), training, **body), as_json=as_json)


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


def laid(values: Mapping[str, Any], pairs: Pairs) -> dict[str, Any]:
    """Fields with what `FIELD=VALUE` options change."""
    from engine.config.base import apply_overrides

    return apply_overrides(values, pairs or [])
