"""Make versions of a dataset: a version is a function of the source, its options and its decisions, and never changes.

source, options, no decisions             -> version 1
source, changed options, more decisions   -> version 2, whose parent is 1
"""

from __future__ import annotations

from pathlib import Path

from engine.data.items import read_items
from engine.data.limits import DEFAULT_LIMITS, IngestLimits
from engine.data.report import IngestReport, named
from engine.data.revision import Revision, VersionRecord, next_version, read_version
from engine.data.version_files import ITEMS_NAME, MANIFEST_NAME, VERSION_NAME
from engine.errors import IngestError
from engine.stages.ingest import OnProgress, ingest


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
        record: its number, options and decisions; written next to the manifest.
        limits: on resources.
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
        target_types=record.target_types,
        medium=record.medium,
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
    """Make the next version of a version folder, which itself does not change.

    Args:
        parent: folder of the revised version.
        target: folder of the new version.
        revision: changes and decisions.
        source: the recordings; by default the parent's source.
        limits: on resources.
        on_progress: as for `ingest`.

    Raises:
        ConfigError: decisions name missing items, or do not apply to them; names each of them.
        IngestError: the parent is not a version, or its recordings are gone.
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
    """A warning if the recordings have changed since the parent was made."""
    if not (parent / ITEMS_NAME).is_file():
        return None
    before, now = ({item.path for item in read_items(folder / ITEMS_NAME)} for folder in (parent, version))
    told = [
        f"{len(paths)} items {what}: {named(sorted(paths))}"
        for paths, what in ((now - before, "are new"), (before - now, "are gone"))
        if paths
    ]
    return f"the recordings changed since the version before: {'; '.join(told)}" if told else None
