"""Versions of datasets and their items, as clients write and see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from engine.data.revision import Revision
from services.api.dataset_models import DatasetStatus, statistics_of
from services.database.models import DatasetItem, DatasetVersion


class RevisionBody(Revision):
    """What makes the next version of a dataset.

    The recordings are processed again with the options and decisions of the parent and these. Options that are not given
    stay as they are in the parent; of `validation`, `limits` and `split` single fields may be given.
    """

    parent: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Number of the version to revise; unset: the newest that is ready."""


class DatasetVersionOut(BaseModel):
    """A version of a dataset."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    number: int
    status: DatasetStatus
    error: str | None
    """Why it cannot be used; the versions before it still can."""
    parent: int | None
    """Number of the version that it revises; the first one has none."""
    options: dict[str, Any]
    """The options of its processing: `validation`, `limits`, `split`, `language`."""
    decisions: list[dict[str, Any]]
    """What was decided to make it of its parent."""
    statistics: dict[str, Any] | None
    """Counts: `utterances`, `audio_s`, `size`, `speakers`, `set_aside`, ...; unset until it is ready."""
    items: int | None
    """Good and rejected items; unset: there is no list of them."""
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, version: DatasetVersion) -> DatasetVersionOut:
        """A row, with its decisions, as clients see it."""
        return cls(**_fields(version))


class DatasetVersionDetailOut(DatasetVersionOut):
    """A version of a dataset, with what was found in it."""

    report: dict[str, Any] | None
    """The whole report; unset: it is not processed yet, or its recordings could not be fetched."""
    used_by: int
    """Jobs and pipelines that name it; a version that is used stays."""

    @classmethod
    def with_report(cls, version: DatasetVersion, used_by: int) -> DatasetVersionDetailOut:
        """A row, with its decisions and its report, as clients see it."""
        return cls(**_fields(version), report=version.report, used_by=used_by)


class ItemFindingOut(BaseModel):
    """What was found on an item."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    severity: str
    """`set_aside`: it rejects the item; `warning`; `overruled`: a decision lets the item pass in spite of it."""
    reason: str
    action: str
    """What to do about it."""


class DatasetItemOut(BaseModel):
    """An item of a dataset version, good or rejected."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """Its path in the source; decisions name it by this."""
    status: Literal["good", "rejected"]
    id: str | None
    """In the manifest; only of a good item."""
    text: str | None
    speaker: str | None
    split: str | None
    duration_s: float | None
    """Only of a good item."""
    findings: list[ItemFindingOut]
    audio_url: str | None
    """To listen to; only of a good item."""

    @classmethod
    def of(cls, row: DatasetItem, dataset_url: str, number: int) -> DatasetItemOut:
        """A row as clients see it."""
        audio_url = None
        if row.item_id is not None:
            audio_url = f"{dataset_url}/items/{quote(row.item_id, safe='/')}/audio?version={number}"
        columns = {name: getattr(row, name) for name in _ITEM_COLUMNS}
        return cls(**columns, id=row.item_id, audio_url=audio_url)


_ITEM_COLUMNS: Final = ("path", "status", "text", "speaker", "split", "duration_s", "findings")
_COLUMNS: Final = (
    "number", "status", "error", "parent", "options", "decisions", "items", "created_at", "finished_at",
)  # fmt: skip


def _fields(version: DatasetVersion) -> Mapping[str, Any]:
    statistics = statistics_of(version) if version.status == "ready" else None
    return {**{name: getattr(version, name) for name in _COLUMNS}, "statistics": statistics}
