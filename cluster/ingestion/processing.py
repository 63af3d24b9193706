"""Process recordings into a dataset version, in a process of its own: files may be hostile."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from cluster.errors import RefusedError
from cluster.ingestion.config import Source
from cluster.ingestion.download import DownloadError
from cluster.ingestion.sources import Imports, fetch
from engine.data.revision import VersionRecord
from engine.data.version_files import ITEMS_NAME, MANIFEST_NAME, REPORT_NAME, VERSION_NAME
from engine.errors import IngestError, ObjectNotFoundError
from engine.run.store import RunStore

if TYPE_CHECKING:
    from engine.data.report import IngestReport

VERSION_FOLDER: Final = "version"
"""Folder of the version below the work folder."""
_SAMPLE: Final = 100
MOST_LISTED: Final = 2_000
"""Most entries of a list in a report that the API shows."""
_LONGEST_SPEAKER: Final = 200

Phase = Literal["fetching", "reading", "storing"]


@dataclass(frozen=True, slots=True)
class Version:
    """What a dataset version holds."""

    utterances: int
    audio_s: float
    size: int
    items: int
    """Number of items, good and rejected."""
    statistics: dict[str, Any]
    sample: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of processing: a version, or why there is none; the report names every faulty item."""

    version: Version | None
    error: str | None
    report: dict[str, Any] | None


class Watching(Protocol):
    """Follows an ingestion. Every call may raise `StoppedError`, which ends it."""

    def phase(self, name: Phase) -> None:
        """A phase begins."""

    def fetched(self, size: int) -> None:
        """The recordings are on this machine: their size in bytes."""

    def progress(self, done: int, total: int) -> None:
        """So many of all items have been read."""


class Unwatched:
    """Ignores every report."""

    def phase(self, name: Phase) -> None:
        """Ignored."""

    def fetched(self, size: int) -> None:
        """Ignored."""

    def progress(self, done: int, total: int) -> None:
        """Ignored."""


def process(
    source: Source,
    record: VersionRecord,
    kept: RunStore,
    version: RunStore,
    imports: Imports,
    folder: Path,
    watching: Watching | None = None,
) -> Outcome:
    """Fetch a dataset's recordings and ingest them into a version, replacing what an earlier attempt left there.

    What a retry would repeat is returned as an outcome; only temporary failures are raised.

    Args:
        source: where the recordings are.
        record: how the version is made.
        kept: store of the files that it is made of.
        version: store that gets the version.
        imports: access and limits for recordings from elsewhere.
        folder: empty work folder; `version` below it is left with the version's files, or with the report alone.
        watching: is told of the phases; None: nothing is.

    Raises:
        RefusedError: no such folder.
        StoppedError: `watching` ended it.
    """
    watching = watching or Unwatched()
    watching.phase("fetching")
    try:
        found = fetch(source, kept, imports, folder / "source")
    except DownloadError as error:
        return Outcome(version=None, error=str(error), report=None)
    watching.fetched(sum(path.stat().st_size for path in [found, *found.rglob("*")] if path.is_file()))
    return _ingest(found, folder / VERSION_FOLDER, version, record, watching, is_copy=found.is_relative_to(folder))


def shown(report: IngestReport) -> dict[str, Any]:
    """A report as stored in the database: long lists are truncated to keep reads fast.

    The whole report is `report.json` of the version, and all its items are rows.
    """
    found = report.model_dump(mode="json")
    for name in ("set_aside", "warnings", "columns_ignored", "metadata_files"):
        found[name] = found[name][:MOST_LISTED]
    if found["validation"] is not None:
        found["validation"]["findings"] = found["validation"]["findings"][:MOST_LISTED]
    most = sorted(report.speakers.items(), key=lambda speaker: -speaker[1])[:MOST_LISTED]
    found["speakers"] = {name: count for name, count in most if len(name) <= _LONGEST_SPEAKER}
    found["labels"] = dict(list(report.labels.items())[:MOST_LISTED])
    return found


def _store(folder: Path, paths: Iterable[Path], version: RunStore) -> None:
    """Replace what an earlier attempt stored; at any time the record marks it as ours, and a manifest as complete."""
    files = {path.relative_to(folder).as_posix(): path for path in paths}
    version.put(VERSION_NAME, files.pop(VERSION_NAME))
    manifest = files.pop(MANIFEST_NAME)
    version.delete(MANIFEST_NAME)
    for key in set(version.list("")) - files.keys() - {VERSION_NAME}:
        version.delete(key)
    for key, path in files.items():
        version.put(key, path)
    version.put(MANIFEST_NAME, manifest)


def check_target(version: RunStore, record: VersionRecord) -> None:
    """Check that a store is empty or holds the same version, or a part of it.

    Raises:
        RefusedError: it holds something else, which would be lost.
    """
    if not version.list(""):
        return
    try:
        found = VersionRecord.model_validate_json(version.get_bytes(VERSION_NAME))
    except (ObjectNotFoundError, ValueError):
        raise RefusedError(f"{version!r} holds files that are no dataset version; give an empty folder") from None
    if found != record:
        raise RefusedError(
            f"{version!r} holds version {found.number}, which was made otherwise and never changes; give another folder"
        )


def _ingest(
    source: Path, target: Path, version: RunStore, record: VersionRecord, watching: Watching, *, is_copy: bool
) -> Outcome:
    from engine.data.example import AnyExample
    from engine.data.manifest import read_examples, target_line
    from engine.data.report import IngestReport
    from engine.data.targets import written
    from engine.data.versions import make_version  # imports NumPy and soundfile, which replicas avoid

    report_path = target / REPORT_NAME
    watching.phase("reading")
    try:
        report = make_version(source, target, record, on_progress=watching.progress)
    except IngestError as error:
        found = None
        if report_path.exists():
            found = shown(IngestReport.model_validate_json(report_path.read_bytes()))
        return Outcome(version=None, error=str(error), report=found)
    if is_copy:
        source.unlink() if source.is_file() else shutil.rmtree(source)

    watching.phase("storing")
    examples = read_examples(target / MANIFEST_NAME)
    paths = sorted(path for path in target.rglob("*") if path.is_file())
    _store(target, paths, version)
    with (target / ITEMS_NAME).open("rb") as lines:
        items = sum(1 for line in lines if line.strip())

    def fields(example: AnyExample) -> dict[str, Any]:
        given = {name: getattr(example.input, name) for name in ("audio", "start_s", "duration_s")}
        told = {"text": written(example.target), "target": target_line(example.target), "speaker": example.group}
        return {"id": example.id, **given, **told, "split": example.split}

    stride = max(1, len(examples) // _SAMPLE)
    found = shown(report)
    counts = {
        name: found[name]
        for name in (
            "layout",
            "layouts",
            "items_found",
            "items_good",
            "set_aside_by_code",
            "shortest_s",
            "longest_s",
            "speakers",
            "splits",
            "target",
            "labels",
            "captions",
        )
    }
    return Outcome(
        version=Version(
            utterances=report.items_good,
            audio_s=report.audio_s,
            size=sum(path.stat().st_size for path in paths),
            items=items,
            statistics={**counts, "set_aside": len(report.set_aside), "without_speaker": report.without_speaker},
            sample=[fields(example) for example in examples[::stride][:_SAMPLE]],
        ),
        error=None,
        report=found,
    )
