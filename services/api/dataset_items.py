"""Pages of a dataset version's items, under the version's own address and under the dataset's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from services.api.audio_links import AudioUrls
from services.api.dataset_version_models import DatasetItemOut
from services.api.paging import Page, read_number_cursor, write_cursor
from services.database.models import DatasetVersion
from services.datasets import versions

Exact = Annotated[str | None, Query(max_length=2000)]


def _filters(
    q: Annotated[str | None, Query(max_length=200, description="Only items with this in their path or text")] = None,
    status: Literal["good", "rejected"] | None = None,
    finding: Annotated[str | None, Query(max_length=100, description="Only items with a finding of this kind")] = None,
    speaker: Exact = None,
    split: Literal["train", "validation", "test"] | None = None,
) -> list[ColumnElement[bool]]:
    return versions.item_filters(q=q, status=status, finding=finding, speaker=speaker, split=split)


ItemFilters = Annotated[list[ColumnElement[bool]], Depends(_filters)]


async def items_page(
    session: AsyncSession,
    version: DatasetVersion,
    filters: Sequence[ColumnElement[bool]],
    urls: AudioUrls,
    *,
    limit: int,
    cursor: str | None,
) -> Page[DatasetItemOut]:
    """A page of a version's items, in the order of the source.

    Args:
        session: database session.
        version: the version.
        filters: conditions on its items.
        urls: gives the addresses of their audio.
        limit: maximum number of items.
        cursor: `next_cursor` of the previous page.

    Raises:
        ConflictError: the version has no list of its items.
    """
    after = read_number_cursor(cursor) - 1
    rows, total = await versions.items_of(session, version, filters, limit=limit + 1, after=after)
    more, rows = len(rows) > limit, rows[:limit]
    return Page(
        items=[DatasetItemOut.of(row, urls) for row in rows],
        total=total,
        next_cursor=write_cursor([rows[-1].position + 1]) if more else None,
    )
