"""From recordings to a dataset version: runs in a process of its own on the cluster, never in an API replica."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.data.version_files import MANIFEST_NAME, REPORT_NAME
from engine.errors import IngestError
from engine.storage import RunStore
from services.datasets.download import DownloadError
from services.datasets.sources import Imports, Order, fetch

_SAMPLE: Final = 100
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
    """What became of an upload: a version, or why there is none; the report names every faulty item."""

    version: Version | None
    error: str | None
    report: dict[str, Any] | None


def process(order: Order, uploads: RunStore, version: RunStore, imports: Imports) -> Outcome:
    """Fetch a dataset's recordings and ingest them into a version; whatever an earlier try left there is replaced.

    What gives no dataset is an outcome, not an error: only what may go better the next time is raised.
    """
    with tempfile.TemporaryDirectory(prefix="lim-dataset-") as folder:
        try:
            source = fetch(order, uploads, imports, Path(folder) / "source")
        except DownloadError as error:
            return Outcome(version=None, error=str(error), report=None)
        target = Path(folder) / "version"
        return _ingest(source, target, version, order)


def _ingest(source: Path, target: Path, version: RunStore, order: Order) -> Outcome:
    from engine.data.manifest import Utterance, read_manifest
    from engine.data.report import IngestReport
    from engine.data.revision import VersionRecord
    from engine.data.versions import make_version  # with NumPy and soundfile; not for replicas

    report_path = target / REPORT_NAME
    try:
        record = VersionRecord.model_validate({**order.record, "number": order.number})
        report = make_version(source, target, record)
    except IngestError as error:
        found = None
        if report_path.exists():
            found = IngestReport.model_validate_json(report_path.read_bytes()).model_dump(mode="json")
        return Outcome(version=None, error=str(error), report=found)
    if source.is_file():
        source.unlink()
    else:
        shutil.rmtree(source)

    utterances = read_manifest(target / MANIFEST_NAME)
    version.delete("")
    paths = sorted(path for path in target.rglob("*") if path.is_file())
    # The manifest comes last: a version that has one is whole.
    for path in sorted(paths, key=lambda path: path.name == MANIFEST_NAME):
        version.put(path.relative_to(target).as_posix(), path)

    def shown(utterance: Utterance) -> dict[str, Any]:
        return {name: getattr(utterance, name) for name in Utterance.__slots__}

    stride = max(1, len(utterances) // _SAMPLE)
    found = report.model_dump(mode="json")
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
        )
    }
    return Outcome(
        version=Version(
            utterances=report.items_good,
            audio_s=report.audio_s,
            size=sum(path.stat().st_size for path in paths),
            statistics={**counts, "set_aside": len(report.set_aside), "without_speaker": report.without_speaker},
            sample=[shown(utterance) for utterance in utterances[::stride][:_SAMPLE]],
        ),
        error=None,
        report=found,
    )
