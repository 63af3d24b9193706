"""Output of commands: tables for people, JSON for programs (one object, or one per line of a stream)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli.reporting import BAD_INPUT, printable, say

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Columns = Mapping[str, Callable[[Any], Any]]
"""Title of each column, and the function that gives an item's value in it."""
_LONGEST: Final = 400


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    typer.echo(json.dumps(plain(value), ensure_ascii=False))


def plain(value: Any) -> Any:
    """Convert a value of the API to JSON types, with every field."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def show_items(items: Iterable[Any], columns: Columns, *, as_json: bool, total: int | None = None) -> None:
    """Print a list as a table, or as `{"items": [...], "total": N}`."""
    found = list(items)
    total = len(found) if total is None else total
    if as_json:
        print_json({"items": found, "total": total})
        return
    from rich.console import Console

    table = table_of(columns)
    for each in found:
        table.add_row(*(cell(value(each)) for value in columns.values()))
    Console().print(table)
    if len(found) < total:
        say(f"{len(found):,} of {total:,}; --limit shows more.")


def show(value: Any, *, as_json: bool, title: str | None = None, words: Columns | None = None) -> None:
    """Print one object as a table of its non-empty fields, or as JSON.

    Args:
        value: the object.
        as_json: print JSON.
        title: of the table.
        words: how fields are worded in the table, by name; others are shown as they are.
    """
    if as_json:
        print_json(value)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, title=cell(title) if title else None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, each in dict(value).items():
        if each is not None and each != {} and each != []:
            table.add_row(name, cell(words[name](each) if words and name in words else each))
    Console().print(table)


def table_of(columns: Iterable[str], title: str | None = None) -> Table:
    """An empty table with these columns."""
    from rich.table import Table

    table = Table(title=cell(title) if title else None)
    for each in columns:
        table.add_column(each, overflow="fold")
    return table


def cell(value: Any) -> Text:
    """A table cell; text is neither parsed as markup nor able to move the cursor."""
    from rich.text import Text

    return Text(printable(shown(value)))


def shown(value: Any) -> str:
    """Format a value for people."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M}"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value}"
    text = json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... (--json shows all)"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    last = number % 100
    return f"{number}{'th' if 10 < last < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def figure(metric: str | None, value: float | None) -> str:
    """A metric's title and value; empty without a value."""
    from engine.metrics.registry import metric_named

    if metric is None or value is None:
        return ""
    found = metric_named(metric)
    return f"{found.title} {found.shown(float(value))}"


def confirm(what: str, *, yes: bool) -> None:
    """Ask before a destructive action; without a terminal, `--yes` is required.

    Raises:
        typer.Exit: the user declined, or could not be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        say(f"{what}? No terminal to confirm on; pass --yes.")
        raise typer.Exit(BAD_INPUT)
    if not typer.confirm(f"{what}?", err=True):
        say("Nothing was changed.")
        raise typer.Exit(1)
