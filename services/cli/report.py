"""Ingestion reports for people, the same in every command that reads recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.table import Table

from engine.run.shown import duration
from services.cli.output import cell
from services.cli.reporting import say

if TYPE_CHECKING:
    from engine.data.report import IngestReport, TextStatistics
    from services.client.generated.models import ReportOut

_MOST_SHOWN: Final = 20


def show_report(report: IngestReport, title: str, where: str) -> None:
    """Print figures and examples to standard output, rejected items and warnings to standard error.

    Args:
        report: the ingestion report.
        title: what was read; heading of the table.
        where: where to find the full report.
    """
    from engine.data.targets import TARGETS

    kind = TARGETS[report.target]
    noun = kind.noun.capitalize()
    rows = {
        "Structure": report.layout,
        f"{noun}s from": report.text_source,
        "Items": f"{report.items_good:,} good, {len(report.set_aside):,} rejected, of {report.items_found:,}",
        "Audio": duration(report.audio_s),
        f"{kind.group.capitalize()}s": _speakers(report),
        "Rates": counts({f"{rate} Hz": count for rate, count in report.rates_hz.items()}),
        "Formats": counts(report.formats),
        "Splits": counts(report.splits) or "none given",
        **_targets(report),
    }
    if report.set_aside:
        rows["Rejected"] = counts({str(code): count for code, count in report.set_aside_by_code.items()})
    print_table(title, {label: value for label, value in rows.items() if value})
    show_lines(report, where)
    for item in report.set_aside[:_MOST_SHOWN]:
        say(f"rejected: {item.path}: {item.reason} ({item.code}). {item.action.capitalize()}.")
    if len(report.set_aside) > _MOST_SHOWN:
        say(f"... and {len(report.set_aside) - _MOST_SHOWN:,} more, which the whole report names")


def show_lines(report: IngestReport, where: str) -> None:
    """Print a few summary lines to standard output, warnings to standard error."""
    from engine.data.telling import report_lines

    for line in report_lines(report, where):
        if line.level == "notice":
            typer.echo(line.text)
        else:
            say(f"{line.level}: {line.text}")


def answered_report(report: ReportOut) -> IngestReport | None:
    """The ingestion report in an API response; None if this version cannot read it."""
    from pydantic import ValidationError

    from engine.data.report import IngestReport

    answer = report.model_dump(mode="json")
    try:
        return IngestReport.model_validate({name: answer[name] for name in IngestReport.model_fields if name in answer})
    except ValidationError:
        return None


def print_table(title: str, rows: Mapping[str, str]) -> None:
    """Print rows of label and value to standard output."""
    table = Table(show_header=False, title=cell(title))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for label, value in rows.items():
        table.add_row(label, cell(value))
    Console().print(table)


def counts(counted: Mapping[str, int]) -> str:
    """Names with their counts, in one line."""
    return ", ".join(f"{name} {count:,}" for name, count in counted.items())


def _amount(text: TextStatistics) -> str:
    """Amount of text, in characters for scripts that put no spaces between words, else in words."""
    from engine.scripts import is_unspaced

    return f"{text.characters:,} characters" if is_unspaced(text.alphabet) else f"{text.words:,} words"


def _targets(report: IngestReport) -> dict[str, str]:
    """How many texts, classes or captions there are."""
    if report.labels:
        return {"Classes": f"{len(report.labels):,}"}
    amount = f"{report.text.distinct:,} different, {_amount(report.text)}"
    return {"Captions": f"{report.captions:,}, {amount}"} if report.target == "captions" else {"Texts": amount}


def _speakers(report: IngestReport) -> str:
    unknown = f"; unknown for {report.without_speaker:,} items" if report.without_speaker else ""
    return f"{len(report.speakers):,}{unknown}"
