"""Every item of a dataset version, good or rejected, for inspection and decisions."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from engine.config.base import Config
from engine.data.example import AnyExample, Split
from engine.data.layout import Item
from engine.data.report import Finding, IngestReport, SetAside
from engine.data.source import displayed
from engine.data.targets import written
from engine.errors import ManifestError
from engine.media.registry import medium_named

ItemStatus = Literal["good", "rejected"]
_SECOND_ROW = "duplicate_name"


class ItemFinding(Config):
    """A finding on an item."""

    code: str
    """Kind, as in the report."""
    severity: str
    """`set_aside`: rejects the item; `warning`; `overruled`: would reject the item, but a decision accepts it."""
    reason: str
    """The measured and the allowed value."""
    action: str
    """What to do about it."""


class ItemRecord(Config):
    """An item."""

    path: str
    """Its path in the source, with its row if the file has several items. Decisions name items by it."""
    status: ItemStatus
    """Whether it is in the dataset."""
    id: str | None = None
    """Its id in the manifest; only for a good item."""
    text: str | None = None
    """Its target in the written form: the transcript, `dog; rain`, captions on a line each; unset if the source has none."""
    speaker: str | None = None
    """Its speaker or another group that is never divided, if known."""
    split: Split | None = None
    """Its split, if it has one."""
    duration_s: float | None = None
    """Length in seconds; only for a good item that takes time."""
    input: str | None = None
    """Its input, or the beginning, if that is a text; only for a good item."""
    findings: list[ItemFinding] = Field(default=[])
    """All findings."""

    @property
    def codes(self) -> set[str]:
        """The kinds of its findings."""
        return {finding.code for finding in self.findings}

    @property
    def rejecting(self) -> set[str]:
        """The kinds of the findings that reject it."""
        return {finding.code for finding in self.findings if finding.severity == "set_aside"}


def records(items: Sequence[Item], examples: Sequence[AnyExample], report: IngestReport) -> Iterator[ItemRecord]:
    """The items of a version: recordings with a target in the order of the source, then everything else by path.

    Args:
        items: recordings of the source with a target.
        examples: those in the dataset.
        report: of the version.
    """
    of_path: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.validation.findings if report.validation else []:
        if finding.path is not None:
            of_path[finding.path].append(finding)
    others: dict[str, list[SetAside]] = defaultdict(list)
    for other in report.set_aside:
        others[other.path].append(other)
    good = {example.id: example for example in examples}
    for item in items:
        path = displayed(item.shown)
        found, example = of_path.get(path, []), good.get(item.id)
        if example is None:
            _take_own(others[path])
            yield ItemRecord(
                path=path,
                status="rejected",
                text=item.text,
                speaker=item.speaker,
                split=item.split,
                findings=_shown([finding for finding in found if finding.code != _SECOND_ROW]),
            )
        else:
            preview = medium_named(example.input.medium).preview(example.input)
            yield ItemRecord(
                path=path,
                status="good",
                id=item.id,
                text=written(example.target),
                speaker=example.group,
                split=example.split,
                duration_s=preview.duration_s,
                input=preview.text,
                findings=_shown([finding for finding in found if finding.severity != "set_aside"]),
            )
    for path, rest in sorted(others.items()):
        for other in rest:
            yield ItemRecord(path=path, status="rejected", findings=[_finding(other, "set_aside")])


def write_items(path: Path, found: Iterator[ItemRecord]) -> None:
    """Write items, one JSON object per line, atomically."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            for item in found:
                file.write(item.model_dump_json(exclude_defaults=True) + "\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_items(path: Path) -> Iterator[ItemRecord]:
    """Read the items in a file from `write_items`, in order.

    Raises:
        ManifestError: the file does not exist, or a line is not an item.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield ItemRecord.model_validate_json(line)
                except ValueError as error:
                    raise ManifestError(f"line {number} of {path} is not an item: {error}") from error
    except OSError as error:
        raise ManifestError(
            f"cannot read the items at {path}: {error.strerror}; a version that was made by an earlier release has "
            "none: import its recordings again"
        ) from error


def matches(item: ItemRecord, wanted: Mapping[str, str]) -> bool:
    """Whether an item matches a filter.

    Args:
        item: any.
        wanted: `status`, `finding` (its code), `speaker`, `split` and `q`, a part of its path, input or text in any case.
    """
    exact = all(getattr(item, name) == wanted[name] for name in ("status", "speaker", "split") if name in wanted)
    told = "\n".join(filter(None, (item.path, item.input, item.text))).lower()
    return (
        exact and ("finding" not in wanted or wanted["finding"] in item.codes) and wanted.get("q", "").lower() in told
    )


def _take_own(found: list[SetAside]) -> None:
    """Drop findings that do not belong to the item itself: further rows that name it."""
    own = next((at for at, each in enumerate(found) if each.code != _SECOND_ROW), None)
    if own is not None:
        del found[own]


def _shown(findings: Sequence[Finding]) -> list[ItemFinding]:
    return [_finding(each, each.severity) for each in findings]


def _finding(found: Finding | SetAside, severity: str) -> ItemFinding:
    return ItemFinding(code=found.code, severity=severity, reason=found.reason, action=found.action)
