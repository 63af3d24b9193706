"""Request and response models of dataset versions and their items."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.data.revision import Revision
from services.api.audio_links import AudioUrls
from services.api.dataset_models import DatasetStatus, statistics_of
from services.database.models import DatasetItem, DatasetVersion
from services.datasets.versions import item_group


class RevisionBody(Revision):
    """Changes for the next version of a dataset.

    The recordings are processed again with the parent's options and decisions plus these. Missing options are inherited
    from the parent; `validation`, `limits` and `split` may be partial.
    """

    parent: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Number of the version to revise; unset: the newest that is ready."""


class DatasetVersionOut(BaseModel):
    """A version of a dataset."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    number: int
    status: DatasetStatus
    error: str | None
    """Why it cannot be used; earlier versions still can."""
    parent: int | None
    """Number of the revised version; unset for the first one."""
    options: dict[str, Any]
    """The options of its processing: `validation`, `limits`, `split`, `language`."""
    decisions: list[dict[str, Any]]
    """Decisions that made it from its parent."""
    statistics: dict[str, Any] | None
    """Counts: `utterances`, `audio_s`, `size`, `speakers`, `set_aside`, ...; unset until it is ready."""
    job_id: uuid.UUID | None
    """The job that makes or made it; unset before its upload is complete, if the job was deleted, or if an earlier release
    made it."""
    items: int | None
    """Number of good and rejected items; unset without a list of them."""
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, version: DatasetVersion) -> DatasetVersionOut:
        """Build from a row with its decisions loaded."""
        return cls(**_fields(version))


class DatasetVersionDetailOut(DatasetVersionOut):
    """A version of a dataset, with its report."""

    report: dict[str, Any] | None
    """The whole report; unset if it is not processed yet, or its recordings could not be fetched."""
    used_by: int
    """Number of jobs and pipelines that use it; a used version cannot be deleted."""

    @classmethod
    def with_report(cls, version: DatasetVersion, used_by: int) -> DatasetVersionDetailOut:
        """Build from a row with its decisions and its report loaded."""
        return cls(**_fields(version), report=version.report, used_by=used_by)


class ItemFindingOut(BaseModel):
    """A finding on an item."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    severity: str
    """`set_aside`: rejects the item; `warning`; `overruled`: a decision accepts the item in spite of it."""
    reason: str
    action: str
    """What to do about it."""


class DatasetItemOut(BaseModel):
    """An item of a dataset version, good or rejected."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """Its path in the source, by which decisions refer to it."""
    status: Literal["good", "rejected"]
    id: str | None
    """Id in the manifest; only for a good item."""
    text: str | None
    """Its target as a text: the transcript, the class, `dog; rain`, captions on a line each."""
    group: str | None
    """Its group, which is never divided between training and test, if known."""
    speaker: str | None
    """The same, by its earlier name."""
    split: str | None
    duration_s: float | None
    """Only for a good item."""
    findings: list[ItemFindingOut]
    audio_url: str | None
    """Path of its audio under the API's address, which a player can open without a header for at least an hour; only for
    a good item."""

    @classmethod
    def of(cls, row: DatasetItem, urls: AudioUrls) -> DatasetItemOut:
        """Build from a row."""
        audio_url = urls.of(row.item_id) if row.item_id is not None else None
        columns = {name: getattr(row, name) for name in _ITEM_COLUMNS}
        return cls(**columns, id=row.item_id, group=item_group(row), audio_url=audio_url)


_ITEM_COLUMNS: Final = ("path", "status", "text", "speaker", "split", "duration_s", "findings")
_COLUMNS: Final = (
    "number", "status", "error", "parent", "options", "decisions", "job_id", "items", "created_at", "finished_at",
)  # fmt: skip


def _fields(version: DatasetVersion) -> Mapping[str, Any]:
    statistics = statistics_of(version) if version.status == "ready" else None
    return {**{name: getattr(version, name) for name in _COLUMNS}, "statistics": statistics}
