"""Versions of a dataset: a version is a function of the source, its options and its decisions, and never changes.

source, options, no decisions             -> version 1
source, changed options, more decisions   -> version 2, whose parent is 1
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from engine.config.base import Config, faults_of
from engine.config.processing import ProcessingConfig, revised
from engine.config.tasks.registry import TASKS, TaskName
from engine.data.decisions import Decision, ItemDecision, as_written, merged, resolve
from engine.data.example import TargetType
from engine.data.items import read_items
from engine.data.targets import TargetTypes
from engine.data.version_files import ITEMS_NAME, MANIFEST_NAME, VERSION_NAME
from engine.errors import ConfigError, IngestError

MOST_DECISIONS = 10_000


class Revision(ProcessingConfig):
    """The changes that make the next version of a dataset. Missing options stay as in the revised version."""

    decisions: Annotated[list[Decision], Field(max_length=MOST_DECISIONS)] = []
    """Decisions about items, in order."""

    @model_validator(mode="after")
    def _changes_something(self) -> Revision:
        if not self.decisions and not self.changes():
            raise ValueError("changes nothing; give decisions, validation, limits, split or language")
        return self

    def changes(self) -> dict[str, Any]:
        """The changed options."""
        return self.model_dump(mode="json", exclude_unset=True, include=set(ProcessingConfig.model_fields))


class VersionRecord(Config):
    """The record of how a version was made."""

    number: Annotated[int, Field(ge=1)] = 1
    """Its number."""
    parent: int | None = None
    """Number of the revised version."""
    source: str | None = None
    """Source of its recordings on this machine."""
    options: ProcessingConfig = ProcessingConfig()
    """The options of its processing."""
    task: TaskName = "speech_to_text"
    """The task that models learn from it, which allows some types of targets."""
    target: TargetType | None = None
    """The type of its targets; None: what its rows show, of the task's types."""
    decisions: list[dict[str, Any]] = []
    """Decisions that made it from its parent."""
    item_decisions: dict[str, ItemDecision] = {}
    """Decisions about each item, in this version and earlier ones, by path."""

    @model_validator(mode="after")
    def _fits_task(self) -> VersionRecord:
        allowed = TASKS[self.task].targets
        if self.target is not None and self.target not in allowed:
            raise ValueError(f"target is {self.target!r}; allowed for {self.task}: {', '.join(allowed)}")
        return self

    @property
    def target_types(self) -> TargetTypes:
        """The allowed types of targets."""
        return TASKS[self.task].targets if self.target is None else (self.target,)

    @property
    def medium(self) -> str:
        """Kind of the inputs."""
        return TASKS[self.task].medium


def next_version(earlier: VersionRecord, revision: Revision, parent: Path, *, source: Path) -> VersionRecord:
    """The record of the version that a revision makes.

    Raises:
        ConfigError: options or decisions are faulty; names each of them.
        ManifestError: the parent's items cannot be read.
    """
    decided: Mapping[str, ItemDecision] = {}
    if revision.decisions:
        decided, faults = resolve(revision.decisions, read_items(parent / ITEMS_NAME), f"version {earlier.number}")
        if faults:
            raise ConfigError(faults)
    return VersionRecord(
        number=earlier.number + 1,
        parent=earlier.number,
        source=str(source.absolute()),
        options=revised(earlier.options, revision.changes()),
        task=earlier.task,
        target=earlier.target,
        decisions=as_written(revision.decisions),
        item_decisions=merged(earlier.item_decisions, decided),
    )


def read_version(folder: Path) -> VersionRecord:
    """The record of the version in a folder; for one from an earlier release, version 1 with default options.

    Raises:
        IngestError: the folder has no version.
    """
    if not (folder / MANIFEST_NAME).is_file():
        raise IngestError(f"{folder} holds no dataset version; make one with `lim data import`")
    path = folder / VERSION_NAME
    if not path.is_file():
        return VersionRecord()
    try:
        return VersionRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults = "; ".join(str(fault) for fault in faults_of(error.errors(include_url=False), {}))
        raise IngestError(f"{path} is no record of a version: {faults}") from error
