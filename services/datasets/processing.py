"""From uploaded files to a dataset version: runs in a process of its own on the cluster, never in an API replica."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.config.division import DivisionConfig
from engine.data.endings import AUDIO_ENDINGS, ending
from engine.data.version_files import MANIFEST_NAME, REPORT_NAME
from engine.errors import IngestError
from engine.storage import RunStore

_SAMPLE: Final = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as the client named it, and its key below the dataset's uploads."""

    name: str
    key: str


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


def process(
    files: list[UploadedFile], uploads: RunStore, version: RunStore, split: Mapping[str, Any] | None = None
) -> Outcome:
    """Ingest the uploaded files into a version; whatever an earlier try left there is replaced.

    The files go to disk and from disk, never through memory. An upload that gives no dataset is an outcome, not an
    error: only what may go better the next time is raised.
    """
    with tempfile.TemporaryDirectory(prefix="lim-dataset-") as folder:
        source = _fetch(files, uploads, Path(folder) / "source")
        target = Path(folder) / "version"
        return _ingest(source, target, version, split)


def _fetch(files: list[UploadedFile], uploads: RunStore, folder: Path) -> Path:
    """The only file when it can be a dataset by itself, else the folder that holds all of them.

    A folder may hold archives and tables too: several uploaded files are one dataset.
    """
    folder.mkdir()
    for file in files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        uploads.get(file.key, path)
    only = folder / files[0].name
    return only if len(files) == 1 and ending(files[0].name) not in AUDIO_ENDINGS else folder


def _ingest(source: Path, target: Path, version: RunStore, split: Mapping[str, Any] | None) -> Outcome:
    from engine.data.ingest import ingest  # with NumPy and soundfile; not for replicas
    from engine.data.manifest import Utterance, read_manifest
    from engine.data.report import IngestReport

    report_path = target / REPORT_NAME
    try:
        division = DivisionConfig.model_validate(split) if split else None
        report = ingest(source, target, division=division)
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
