"""Datasets of classes and captions, made by hand, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.config.tasks.registry import TASKS
from engine.data.manifest import read_examples
from engine.data.report import IngestReport
from engine.data.targets import written
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import folder_of, noise, wav

CLASSES = TASKS["audio_classification"].targets
CAPTIONED = TASKS["captioning"].targets


def sounds(*names: str) -> dict[str, bytes]:
    """A different sound for each name."""
    return {name: wav(noise(700 + at, 0.2 + at / 50)) for at, name in enumerate(names)}


def made(folder: Path, files: dict[str, bytes], types: Sequence[Any], **options: Any) -> IngestReport:
    """The report of the version that these files give; the version is in `folder / "out"`."""
    source = folder_of(folder / "source", files)
    return ingest(source, folder / "out", target_types=types, threads=1, **options)


def targets(folder: Path) -> dict[str, str]:
    """The written form of each target of a version, by id."""
    examples = read_examples(folder / "out" / "manifest.jsonl")
    return {example.id: written(example.target) for example in examples}


def found(report: IngestReport, code: str) -> list[str]:
    """The reasons of the findings of one kind."""
    assert report.validation is not None
    return [each.reason for each in report.validation.findings if each.code == code]
