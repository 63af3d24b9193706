"""Pages of a dataset version's items, under the version's own address and under the dataset's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from services.api.audio_links import AudioUrls
from services.api.dataset_version_models import DatasetItemOut
from services.api.paging import Page, read_number_cursor, write_cursor
from services.database.models import DatasetVersion
from services.datasets import versions


def _filters(
    q: Annotated[
        str | None, Query(max_length=200, description="Only items with this in their path, text or group")
    ] = None,
    status: Literal["good", "rejected"] | None = None,
    finding: Annotated[str | None, Query(max_length=100, description="Only items with a finding of this kind")] = None,
    speaker: Annotated[str | None, Query(max_length=2000, description="Earlier name of `group`")] = None,
    group: Annotated[str | None, Query(max_length=2000, description="Only items of this group")] = None,
    split: Literal["train", "validation", "test"] | None = None,
) -> list[ColumnElement[bool]]:
    return versions.item_filters(
        q=q, status=status, finding=finding, group=group if group is not None else speaker, split=split
    )


_MOST_GROUPS: Final = 200
Offset = Annotated[int, Query(ge=0, lt=2**31, description="Skip this many matching items; not with `cursor`")]
ItemFilters = Annotated[list[ColumnElement[bool]], Depends(_filters)]


async def items_page(
    session: AsyncSession,
    version: DatasetVersion,
    filters: Sequence[ColumnElement[bool]],
    urls: AudioUrls,
    *,
    limit: int,
    cursor: str | None,
    offset: int = 0,
) -> Page[DatasetItemOut]:
    """A page of a version's items, in the order of the source.

    Args:
        session: database session.
        version: the version.
        filters: conditions on its items.
        urls: gives the addresses of their audio.
        limit: maximum number of items.
        cursor: `next_cursor` of the previous page.
        offset: number of matching items to skip.

    Raises:
        ConflictError: the version has no list of its items.
    """
    after = read_number_cursor(cursor) - 1
    rows, total = await versions.items_of(session, version, filters, limit=limit + 1, after=after, offset=offset)
    more, rows = len(rows) > limit, rows[:limit]
    return Page(
        items=[DatasetItemOut.of(row, urls) for row in rows],
        total=total,
        next_cursor=write_cursor([rows[-1].position + 1]) if more else None,
    )


class FindingCountOut(BaseModel):
    """Number of items with a finding."""

    code: str
    severity: str
    count: int


class GroupCountOut(BaseModel):
    """Number of items of a group."""

    group: str
    count: int


class FacetsOut(BaseModel):
    """How many items of a version have what, for filters."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    version: int
    total: int
    status: dict[str, int]
    """Number of `good` and of `rejected` items."""
    splits: dict[str, int]
    findings: list[FindingCountOut]
    """The most frequent first."""
    groups: list[GroupCountOut]
    """The largest first, at most 200 of `group_count`."""
    group_count: int


async def item_facets(session: AsyncSession, version: DatasetVersion) -> FacetsOut:
    """Counts over all items of a version.

    Raises:
        ConflictError: the version has no list of its items.
    """
    found = await versions.facets_of(session, version, _MOST_GROUPS)
    return FacetsOut(
        version=version.number,
        total=sum(found.statuses.values()),
        status=found.statuses,
        splits=found.splits,
        findings=[FindingCountOut(code=code, severity=severity, count=n) for code, severity, n in found.findings],
        groups=[GroupCountOut(group=group, count=n) for group, n in found.groups],
        group_count=found.group_count,
    )
