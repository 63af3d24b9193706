"""Summarise an ingestion in a few lines, for logs and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from engine.data.report import IngestReport, SetAside, named
from engine.data.targets import TARGETS
from engine.data.version_files import REPORT_NAME
from engine.media.registry import medium_named
from engine.run.events import Event, EventSink

_LONGEST_TEXT: Final = 120  # characters of an example
_MOST_NAMED: Final = 3
_MOST_CLASSES: Final = 20


@dataclass(frozen=True, slots=True)
class Line:
    """A message for the person who gave the data."""

    level: Literal["notice", "warning"]
    text: str


def report_lines(report: IngestReport, where: str) -> list[Line]:
    """Summary: good items, source of the texts, three examples, rejected items with reasons, doubts.

    Args:
        report: of the ingestion.
        where: location of the whole report.
    """
    return [*_good(report), *_rejected(report), *_doubtful(report), Line("notice", f"The whole report: {where}")]


def tell_report(events: EventSink, folder: Path, where: str | None = None) -> None:
    """Emit the summary of a dataset version as events; nothing if it has no report.

    Args:
        events: of the stage that uses the dataset.
        folder: of the dataset version.
        where: location of the report; None: that folder.
    """
    try:
        report = IngestReport.model_validate_json((folder / REPORT_NAME).read_bytes())
    except (OSError, ValueError):
        return  # made by hand, or by another version
    for number, line in enumerate(report_lines(report, where or str(folder / REPORT_NAME))):
        events.emit(Event("log", f"data/{number}", {"level": line.level, "message": line.text}))


def _good(report: IngestReport) -> Iterator[Line]:
    medium = medium_named(report.medium)
    kind = medium.target(TARGETS[report.target])
    amount = medium.shown_amount(report.audio_s if report.amount is None else report.amount)
    groups = f"{len(report.speakers):,} {kind.group}{'s' if len(report.speakers) != 1 else ''}"
    if report.without_speaker:
        groups += f" (of {report.without_speaker:,} items the {kind.group} is not known)"
    yield Line(
        "notice",
        f"{report.items_good:,} of {report.items_found:,} items are good: {amount}, {groups}",
    )
    told = f"Structure: {', '.join(report.layouts)}"
    if report.text_source:
        told += f"; {kind.noun}s from {report.text_source}"
    if report.columns_read:
        told += f"; read: {', '.join(f'{name} as {meaning}' for name, meaning in report.columns_read.items())}"
    if report.columns_ignored:
        told += f"; not read: {', '.join(report.columns_ignored)}"
    yield Line("notice", told)
    if report.labels:
        classes = named([f"{label} ({count:,})" for label, count in report.labels.items()], most=_MOST_CLASSES)
        yield Line("notice", f"{len(report.labels):,} classes: {classes}")
    for example in report.examples:
        text = example.text if len(example.text) <= _LONGEST_TEXT else f"{example.text[:_LONGEST_TEXT]}..."
        known = ", ".join(filter(None, (example.speaker, example.split)))
        given = f' "{example.input}" ->' if example.input is not None else ""
        yield Line("notice", f'  {example.recording}:{given} "{text}"' + (f" ({known})" if known else ""))


def _rejected(report: IngestReport) -> Iterator[Line]:
    if not report.set_aside:
        return
    yield Line("warning", f"{len(report.set_aside):,} of {report.items_found:,} items were rejected:")
    by_code: dict[str, list[SetAside]] = {}
    for item in report.set_aside:
        by_code.setdefault(item.code, []).append(item)
    for code, items in sorted(by_code.items(), key=lambda entry: -len(entry[1])):
        first = items[0]
        yield Line(
            "warning",
            f"  {code} {len(items):,}: {named([item.path for item in items], most=_MOST_NAMED)}; the first: "
            f"{first.reason}. What to do: {first.action}",
        )


def _doubtful(report: IngestReport) -> Iterator[Line]:
    for warning in report.warnings:
        yield Line("warning", warning)
    findings = report.validation.findings if report.validation else []
    for finding in findings:
        if finding.severity == "dataset":
            yield Line("warning", f"{finding.code}: {finding.reason}. What to do: {finding.action}")
    doubts = Counter(str(finding.code) for finding in findings if finding.severity == "warning")
    if doubts:
        yield Line("warning", f"doubts about items that are kept: {_counted(doubts)}")
    overruled = report.validation.overruled_by_code if report.validation else {}
    if overruled:
        yield Line("notice", f"findings overruled by decisions, whose items are kept: {_counted(Counter(overruled))}")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{code} {count:,}" for code, count in counts.most_common())
