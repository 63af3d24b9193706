"""The readable form of the report: one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

from engine.data.report import Example, Finding, IngestReport
from engine.data.targets import TARGETS, TargetKind
from engine.media.registry import medium_named

_MOST_SHOWN = 1_000  # findings of one kind; all of them are in report.json
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; width: 100%; margin: 0 0 1.5rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd; }
td.number { text-align: right; } code { overflow-wrap: anywhere; } img { max-width: 100%; }
"""


def html_page(report: IngestReport, drawing: bytes) -> str:
    """The report as an HTML page.

    Args:
        report: of the ingestion, with its validation.
        drawing: PNG of the histograms.
    """
    validation = report.validation
    findings = validation.findings if validation else []
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        by_code.setdefault(finding.code, []).append(finding)
    medium = medium_named(report.medium)
    kind = medium.target(TARGETS[report.target])
    amount = f"{report.audio_s / 3600:.2f} h" if report.amount is None else medium.shown_amount(report.amount)
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Dataset report</title><style>{_STYLE}</style>",
        "<h1>Dataset report</h1>",
        f"<p>{report.items_good:,} of {report.items_found:,} items are in the dataset: {amount} of "
        f"{len(report.speakers)} {kind.group}s. {len(report.set_aside):,} were rejected.</p>",
    ]
    if validation and validation.recommendations:
        parts += ["<h2>What to do</h2><ul>", *(f"<li>{escape(each)}" for each in validation.recommendations), "</ul>"]
    parts += _read(report, kind, medium.noun)
    if report.labels:
        counts = [(escape(label), f"{count:,}") for label, count in list(report.labels.items())[:_MOST_SHOWN]]
        parts += [f"<h2>Classes ({len(report.labels):,})</h2>", _table(("class", "items"), counts)]
    if drawing:
        source = base64.b64encode(drawing).decode("ascii")
        parts.append(f'<h2>What is in it</h2><img alt="Histograms" src="data:image/png;base64,{source}">')
    parts += ["<h2>What was found</h2>", _table(("kind", "items", "effect"), _summary(by_code))]
    for code, found in sorted(by_code.items()):
        parts.append(f"<h3 id={code}>{_words(code)} ({len(found):,})</h3>")
        rows = [(f"<code>{escape(each.path or 'the dataset')}</code>", escape(each.reason)) for each in found]
        parts += [f"<p>{escape(found[0].action)}</p>", _table(("item", "reason"), rows[:_MOST_SHOWN])]
        if len(rows) > _MOST_SHOWN:
            parts.append(f"<p>{len(rows) - _MOST_SHOWN:,} more are in report.json.</p>")
    return "\n".join(parts) + "</html>\n"


def _read(report: IngestReport, kind: TargetKind, noun: str) -> list[str]:
    """The section on the source of the targets, the columns, examples and warnings."""
    parts = ["<h2>How it was read</h2>"]
    if report.text_source:
        parts.append(f"<p>{kind.noun.capitalize()}s come from: {escape(report.text_source)}.</p>")
    if report.columns_read or report.columns_ignored:
        read = [(f"<code>{escape(name)}</code>", escape(role)) for name, role in report.columns_read.items()]
        ignored = [(f"<code>{escape(name)}</code>", "not read") for name in report.columns_ignored]
        parts.append(_table(("column", "taken for"), read + ignored))
    if report.examples:
        rows = [
            (_input(each), escape(each.text), escape(each.speaker or ""), each.split or "") for each in report.examples
        ]
        parts.append(_table((noun, kind.noun, kind.group, "split"), rows))
    parts += [f"<p>{escape(warning)}</p>" for warning in report.warnings]
    return parts


def _input(example: Example) -> str:
    """Where an example is in the source, with its beginning if it is a text."""
    text = "" if example.input is None else f" {escape(example.input)}"
    return f"<code>{escape(example.recording)}</code>{text}"


def _summary(by_code: dict[str, list[Finding]]) -> list[tuple[str, str, str]]:
    became = {
        "set_aside": "rejected",
        "warning": "kept, with a warning",
        "overruled": "kept, by a decision",
        "dataset": "concerns the whole",
    }
    return [
        (
            f"<a href=#{code}>{_words(code)}</a>",
            f"{len(found):,}",
            ", ".join(became[each] for each in dict.fromkeys(one.severity for one in found)),
        )
        for code, found in sorted(by_code.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    ]


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{name}" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}" for cell in row) for row in rows)
    return f"<table><tr>{head}{body}</table>"


def _words(code: str) -> str:
    return code.replace("_", " ")
