"""Process recordings into a dataset version; runs in its own process on the cluster, never in an API replica."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.data.version_files import MANIFEST_NAME, REPORT_NAME
from engine.errors import IngestError
from engine.run.store import RunStore
from services.datasets.download import DownloadError
from services.datasets.sources import Imports, Order, fetch, keep_fetched

if TYPE_CHECKING:
    from engine.data.report import IngestReport

_SAMPLE: Final = 100
MOST_LISTED: Final = 2_000
"""Most entries of a list in a report that the API shows."""
_LONGEST_SPEAKER: Final = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Version:
    """What a dataset version holds."""

    utterances: int
    audio_s: float
    size: int
    statistics: dict[str, Any]
    sample: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of processing: a version, or why there is none; the report names every faulty item."""

    version: Version | None
    error: str | None
    report: dict[str, Any] | None


def bring(order: Order, uploads: RunStore, imports: Imports, folder: Path) -> str | None:
    """Fetch recordings that are not uploaded, and store them with the uploads; does nothing if they are stored already.

    Returns:
        Why there are none, if a retry would not help; else None.
    """
    try:
        keep_fetched(order, uploads, imports, folder)
    except DownloadError as error:
        return str(error)
    return None


def process(
    order: Order,
    uploads: RunStore,
    version: RunStore,
    imports: Imports,
    folder: Path | None = None,
    on_fetched: Callable[[int], None] | None = None,
) -> Outcome:
    """Fetch a dataset's recordings and ingest them into a version, replacing what an earlier attempt left there.

    Permanent failures are returned as an outcome; only temporary ones, worth a retry, are raised.

    Args:
        order: what to make.
        uploads: store of the files that it is made of.
        version: store that gets the version.
        imports: access and limits for recordings that are not uploaded.
        folder: empty work folder; None: a temporary one.
        on_fetched: called with the size of the recordings in bytes, before they are read.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="lim-dataset-") as made:
            return process(order, uploads, version, imports, Path(made), on_fetched)
    try:
        source = fetch(order, uploads, imports, folder / "source")
    except DownloadError as error:
        return Outcome(version=None, error=str(error), report=None)
    if on_fetched is not None:
        on_fetched(sum(path.stat().st_size for path in [source, *source.rglob("*")] if path.is_file()))
    return _ingest(source, folder / "version", version, order)


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


def _ingest(source: Path, target: Path, version: RunStore, order: Order) -> Outcome:
    from engine.data.example import AnyExample
    from engine.data.manifest import read_examples, target_line
    from engine.data.report import IngestReport
    from engine.data.revision import VersionRecord
    from engine.data.targets import written
    from engine.data.versions import make_version  # imports NumPy and soundfile, which replicas avoid

    report_path = target / REPORT_NAME
    try:
        record = VersionRecord.model_validate({**order.record, "number": order.number})
        report = make_version(source, target, record)
    except IngestError as error:
        found = None
        if report_path.exists():
            found = shown(IngestReport.model_validate_json(report_path.read_bytes()))
        return Outcome(version=None, error=str(error), report=found)
    if source.is_file():
        source.unlink()
    else:
        shutil.rmtree(source)

    examples = read_examples(target / MANIFEST_NAME)
    version.delete("")
    paths = sorted(path for path in target.rglob("*") if path.is_file())
    # The manifest is stored last: a version that has one is complete.
    for path in sorted(paths, key=lambda path: path.name == MANIFEST_NAME):
        version.put(path.relative_to(target).as_posix(), path)

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
            statistics={**counts, "set_aside": len(report.set_aside), "without_speaker": report.without_speaker},
            sample=[fields(example) for example in examples[::stride][:_SAMPLE]],
        ),
        error=None,
        report=found,
    )
