"""Versions of a dataset: each is what the same source gives with its options and decisions, and is never changed.

source, options, no decisions             -> version 1
source, changed options, more decisions   -> version 2, whose parent is 1
"""

from __future__ import annotations

from pathlib import Path

from engine.data.ingest import OnProgress, ingest
from engine.data.items import read_items
from engine.data.limits import DEFAULT_LIMITS, IngestLimits
from engine.data.report import IngestReport, named
from engine.data.revision import Revision, VersionRecord, next_version, read_version
from engine.data.version_files import ITEMS_NAME, MANIFEST_NAME, VERSION_NAME
from engine.errors import IngestError


def make_version(
    source: Path,
    target: Path,
    record: VersionRecord,
    limits: IngestLimits = DEFAULT_LIMITS,
    on_progress: OnProgress | None = None,
) -> IngestReport:
    """Process recordings into a version; the same source and record give the same version.

    Args:
        source: as for `ingest`.
        target: folder of the new version.
        record: its number, options and decisions; written beside the manifest.
        limits: what the source may ask of the machine.
        on_progress: as for `ingest`.

    Raises:
        IngestError: as for `ingest`.
    """
    if not (target / MANIFEST_NAME).exists():
        target.mkdir(parents=True, exist_ok=True)
        (target / VERSION_NAME).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    options = record.options
    return ingest(
        source,
        target,
        limits.with_items(options.limits),
        on_progress,
        validation=options.validation,
        division=options.split,
        decisions=record.item_decisions,
        language=options.language,
    )


def revise(
    parent: Path,
    target: Path,
    revision: Revision,
    *,
    source: Path | None = None,
    limits: IngestLimits = DEFAULT_LIMITS,
    on_progress: OnProgress | None = None,
) -> IngestReport:
    """Make the next version of a version folder; the folder itself stays as it is.

    Args:
        parent: folder of the version that is revised.
        target: folder of the new version.
        revision: what is changed and decided.
        source: the recordings; by default where the parent's were read from.
        limits: what the source may ask of the machine.
        on_progress: as for `ingest`.

    Raises:
        ConfigError: decisions about items that are not there or cannot be decided so; each is named.
        IngestError: the parent is no version, or its recordings are gone.
        ManifestError: the parent's items cannot be read.
    """
    earlier = read_version(parent)
    found = source or (Path(earlier.source) if earlier.source else None)
    if found is None or not found.exists():
        where = f"are not at {found} any more" if found else "are not known to it"
        raise IngestError(f"the recordings of {parent} {where}; a new version is made of them: say where they are")
    record = next_version(earlier, revision, parent, source=found)
    return make_version(found, target, record, limits, on_progress)


def changed_source(parent: Path, version: Path) -> str | None:
    """A warning where the recordings are not those any more that the parent was made of."""
    if not (parent / ITEMS_NAME).is_file():
        return None
    before, now = ({item.path for item in read_items(folder / ITEMS_NAME)} for folder in (parent, version))
    told = [
        f"{len(paths)} items {what}: {named(sorted(paths))}"
        for paths, what in ((now - before, "are new"), (before - now, "are gone"))
        if paths
    ]
    return f"the recordings changed since the version before: {'; '.join(told)}" if told else None
