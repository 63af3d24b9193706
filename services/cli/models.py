"""`lim models`: the catalogue of base models; admins change it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.nouns import Limit, Noun, Search
from services.cli.output import Json, show
from services.cli.reporting import reported, say
from services.cli.server import Server, connected, named

_COLUMNS: Final = {
    "Id": lambda each: each.id,
    "Title": lambda each: each.title,
    "Parameters": lambda each: f"{each.parameters:,}",
    "Tasks": lambda each: ", ".join(each.tasks),
    "Languages": lambda each: ", ".join(each.languages[:5]) + (" ..." if len(each.languages) > 5 else ""),
    "Status": lambda each: each.status,
}
NOUN: Final = Noun(
    "model",
    _COLUMNS,
    lambda client: client.list_models,
    lambda client: client.read_model,
    lambda client: client.retire_model,
    "new jobs cannot use it; those that did keep it",
)
app = NOUN.app("Base models that can be fine-tuned. Admins add and retire them.")
NOUN.add_show(app)
NOUN.add_delete(app, "retire")
Fields = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="One field of the card; repeatable.")
]


class Status(StrEnum):
    """Status of a model."""

    active = "active"
    retired = "retired"


@app.command("list")
def list_models(
    status: Annotated[Status | None, typer.Option(help="Only those in this state.")] = None,
    search: Search = None,
    limit: Limit = 100,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """List the catalogue.

    Example: lim models list
    """
    with reported(), connected(server) as client:
        NOUN.show_list(client, limit, as_json=as_json, status=status, q=search)


@app.command()
def add(
    card: Annotated[Path | None, typer.Argument(help="YAML of the model's card.")] = None,
    fields: Fields = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Add a model to the catalogue, as an admin.

    A card has id, family, title, source, parameters, languages, licence and description; one of the hub has a revision.

    Example: lim models add ours.yaml --set id=ours-1
    """
    with reported("The card"):
        values = _card(
            card, fields, {"id", "family", "title", "source", "parameters", "languages", "licence", "description"}
        )
    with reported(), connected(server) as client:
        show(client.add_model(**values), as_json=as_json)


@app.command()
def change(
    model: Annotated[str, named("model")],
    fields: Fields = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Change fields of a model, as an admin; status=active brings a retired one back.

    Example: lim models change ours-1 --set status=active
    """
    with reported("The card"):
        values = _card(None, fields, set())
    with reported(), connected(server) as client:
        show(client.change_model(model, **values), as_json=as_json)
        say(f"Model {model}: changed.")


def _card(path: Path | None, fields: list[str] | None, needed: set[str]) -> dict[str, Any]:
    import inspect

    from engine.config.base import apply_overrides, read_yaml
    from engine.errors import ConfigError, Fault
    from services.client import Client

    values = apply_overrides(read_yaml(path) if path else {}, fields or [])
    call = Client.add_model if needed else Client.change_model
    known = inspect.signature(call).parameters.keys() - {"self", "model_id", "idempotency_key"}
    faults = [Fault(name, "is missing") for name in sorted(needed - values.keys())]
    faults += [Fault(name, f"no such field; allowed: {', '.join(sorted(known))}") for name in values.keys() - known]
    if faults:
        raise ConfigError(faults)
    return values
