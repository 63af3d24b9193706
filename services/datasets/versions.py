"""User requests for dataset versions: revise, find, list items, delete."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, any_, cast, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from engine.config.processing import ProcessingConfig, revised
from engine.data.decisions import Decision, ItemDecision, as_written, merged, resolve
from engine.data.revision import Revision
from engine.errors import Fault
from services.database.models import Dataset, DatasetItem, DatasetVersion, Job, Pipeline
from services.database.notify import WORK, notify
from services.datasets.find import (
    UNFINISHED,
    check_source,
    find_dataset,
    newest_version_row,
    ready_version,
    unfinished_version,
    versions_of,
)
from services.datasets.item_rows import item_record
from services.datasets.prefixes import version_prefix
from services.datasets.requests import begin_ingestion
from services.errors import ConflictError, InvalidRequestError, NotFoundError
from services.jobs.kinds.ingestion import Ingestion
from services.settings import Settings
from services.storage_quota import admit_bytes

GROUP: Final = DatasetItem.speaker  # the column has the name that groups had first


def item_group(item: DatasetItem) -> str | None:
    """What keeps an item together with others on one side of a split; None if it is not known."""
    group: str | None = getattr(item, GROUP.key)
    return group


async def find_version(session: AsyncSession, user_id: uuid.UUID, dataset_id: uuid.UUID, number: int) -> DatasetVersion:
    """A version of a user's dataset, in any status.

    Raises:
        NotFoundError: no such dataset, or another user's, or no such version.
    """
    await find_dataset(session, user_id, dataset_id)
    query = versions_of(dataset_id).where(DatasetVersion.number == number)
    version = (await session.scalars(query)).one_or_none()
    if version is None:
        raise NotFoundError("The dataset has no such version.", code="version_not_found")
    return version


def check_bounds(options: ProcessingConfig, settings: Settings) -> None:
    """Check that options are within the operator's limits.

    Raises:
        InvalidRequestError: a limit is above the operator's.
    """
    if options.limits.max_item_s > settings.max_item_s:
        found = f"is {options.limits.max_item_s:g} s; at most {settings.max_item_s:g} s are allowed"
        fault = Fault("limits.max_item_s", f"{found} (the operator sets LIM_MAX_ITEM_S)")
        raise InvalidRequestError.of([fault], code="limit_too_high")


async def revise(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    dataset_id: uuid.UUID,
    version_id: uuid.UUID,
    revision: Revision,
    parent: int | None = None,
) -> DatasetVersion:
    """Queue the next version of a dataset; existing versions do not change. Does not commit.

    Args:
        session: database session.
        settings: the operator's limits.
        user_id: owner of the dataset.
        dataset_id: id of the dataset.
        version_id: id of the new version.
        revision: options and decisions.
        parent: number of the version to revise; None: the newest that is ready.

    Raises:
        NotFoundError: no such dataset, or another user's.
        ConflictError: a version is being made, the source is gone, or the parent has no list of items.
        InvalidRequestError: no such parent, a limit above the operator's, or decisions that do not apply to the items;
            lists every fault of the decisions.
        ConfigError: options that are invalid in combination with the parent's.
        ForbiddenError: another version exceeds the user's storage quota.
    """
    dataset = await find_dataset(session, user_id, dataset_id, lock=True)
    revised_version = await _parent(session, dataset, parent)
    check_source(dataset)
    options = revised(ProcessingConfig.model_validate(revised_version.options), revision.changes())
    check_bounds(options, settings)
    await session.refresh(revised_version, ["item_decisions"])
    earlier = {path: ItemDecision.model_validate(each) for path, each in revised_version.item_decisions.items()}
    decided = await _resolved(session, revised_version, revision.decisions) if revision.decisions else {}
    last = select(func.max(DatasetVersion.number)).where(DatasetVersion.dataset_id == dataset_id)
    number = (await session.scalar(last) or 0) + 1
    await admit_bytes(session, settings, user_id, revised_version.size)
    version = DatasetVersion(
        id=version_id,
        dataset_id=dataset_id,
        number=number,
        parent=revised_version.number,
        status="processing",
        options=options.model_dump(mode="json"),
        decisions=as_written(revision.decisions),
        item_decisions={path: each.model_dump(mode="json") for path, each in merged(earlier, decided).items()},
        prefix=version_prefix(dataset_id, number),
        size=revised_version.size,
    )
    session.add(version)
    if dataset.status == "error":
        dataset.status, dataset.error = "processing", None
    dataset.updated_at = func.now()  # keeps its source from being removed now
    await session.flush()
    await begin_ingestion(session, settings, dataset, version)
    return version


async def delete(session: AsyncSession, user_id: uuid.UUID, dataset_id: uuid.UUID, number: int) -> None:
    """Delete a version and commit; its objects are removed soon after, and its number is not reused.

    Raises:
        NotFoundError: no such dataset or version, or another user's.
        ConflictError: it is being made, something uses it, or it is the only one that is ready.
    """
    await find_dataset(session, user_id, dataset_id, lock=True)
    version = await find_version(session, user_id, dataset_id, number)
    if version.status in UNFINISHED:
        raise ConflictError(
            f"Version {number} is {version.status}; wait until it has ended.", code="version_processing"
        )
    users = await used_by(session, dataset_id, number)
    if users:
        raise ConflictError(
            f"Version {number} is used by {users} jobs or pipelines, which name it as what they were made of; it stays.",
            code="version_in_use",
        )
    others = versions_of(dataset_id).where(DatasetVersion.status == "ready", DatasetVersion.id != version.id)
    if not (await session.scalars(others.limit(1))).first():
        raise ConflictError(
            f"Version {number} is the only one that can be used; delete the dataset instead.", code="only_version"
        )
    version.deleted_at = datetime.now(UTC)
    await session.execute(update(Job).where(Job.id == version.job_id).values(deleted_at=version.deleted_at))
    await notify(session, WORK)
    await session.commit()


async def used_by(session: AsyncSession, dataset_id: uuid.UUID, number: int) -> int:
    """Number of jobs and pipelines that refer to a version, ended or not."""
    jobs = select(func.count()).where(
        Job.dataset_id == dataset_id, Job.dataset_version == number, Job.type != Ingestion.name
    )
    pipelines = select(func.count()).where(Pipeline.dataset_id == dataset_id, Pipeline.dataset_version == number)
    return (await session.scalar(jobs) or 0) + (await session.scalar(pipelines) or 0)


async def items_of(
    session: AsyncSession,
    version: DatasetVersion,
    filters: Sequence[ColumnElement[bool]],
    *,
    limit: int,
    after: int,
    offset: int = 0,
) -> tuple[Sequence[DatasetItem], int]:
    """Items of a version after a position, without the first `offset`, in order, and the number of all that match.

    Raises:
        ConflictError: the version is not ready, or an earlier release made it and kept no list of items.
    """
    _check_items(version)
    matching = select(DatasetItem).where(DatasetItem.version_id == version.id, *filters)
    total = await session.scalar(matching.with_only_columns(func.count())) or 0
    page = matching.where(DatasetItem.position > after).order_by(DatasetItem.position).offset(offset).limit(limit)
    return (await session.scalars(page)).all(), total


def item_filters(
    *,
    q: str | None = None,
    status: str | None = None,
    finding: str | None = None,
    group: str | None = None,
    split: str | None = None,
) -> list[ColumnElement[bool]]:
    """Conditions on items; `q` is searched for in path, text and group, ignoring case."""
    filters: list[ColumnElement[bool]] = []
    if q:
        told = (DatasetItem.path, DatasetItem.text, GROUP)
        filters.append(or_(*(func.strpos(func.lower(column), func.lower(q)) > 0 for column in told)))
    exact = {DatasetItem.status: status, GROUP: group, DatasetItem.split: split}
    filters += [column == value for column, value in exact.items() if value is not None]
    if finding is not None:
        filters.append(DatasetItem.codes.contains([finding]))
    return filters


@dataclass(frozen=True, slots=True)
class Facets:
    """How many items of a version have what, for filters."""

    statuses: dict[str, int]
    splits: dict[str, int]
    findings: list[tuple[str, str, int]]
    """Code, severity and number of items, the most frequent first."""
    groups: list[tuple[str, int]]
    """Group and number of items, the largest first."""
    group_count: int
    """Number of all groups."""


async def facets_of(session: AsyncSession, version: DatasetVersion, most_groups: int) -> Facets:
    """Counts over all items of a version.

    Raises:
        ConflictError: the version has no list of its items.
    """
    _check_items(version)
    mine = DatasetItem.version_id == version.id
    count = func.count()

    async def counted(column: Any) -> dict[str, int]:
        query = select(column, count).where(mine, column.is_not(None)).group_by(column)
        return {str(value): number for value, number in (await session.execute(query)).all()}

    finding = func.jsonb_array_elements(DatasetItem.findings).table_valued("value", joins_implicitly=True)
    code, severity = (finding.c.value.op("->>")(name) for name in ("code", "severity"))
    found = await session.execute(
        select(code, severity, func.count(func.distinct(DatasetItem.position)))
        .select_from(DatasetItem)
        .join(finding, true())
        .where(mine)
        .group_by(code, severity)
        .order_by(func.count(func.distinct(DatasetItem.position)).desc(), code, severity)
    )
    groups = await session.execute(
        select(GROUP, count)
        .where(mine, GROUP.is_not(None))
        .group_by(GROUP)
        .order_by(count.desc(), GROUP)
        .limit(most_groups)
    )
    return Facets(
        statuses=await counted(DatasetItem.status),
        splits=await counted(DatasetItem.split),
        findings=[(a, b, n) for a, b, n in found.all()],
        groups=[(str(group), n) for group, n in groups.all()],
        group_count=await session.scalar(select(func.count(func.distinct(GROUP))).where(mine)) or 0,
    )


async def _parent(session: AsyncSession, dataset: Dataset, number: int | None) -> DatasetVersion:
    waiting = await unfinished_version(session, dataset.id)
    if waiting is not None:
        raise ConflictError(
            f"Version {waiting.number} is {waiting.status}; revise the dataset when it is ready.",
            code="version_processing",
        )
    if number is None and dataset.status == "error":  # its options left no good item; others may
        return await newest_version_row(session, dataset.id)
    try:
        return await ready_version(session, dataset, number)
    except InvalidRequestError as error:
        raise InvalidRequestError.of(
            [Fault("parent", fault.message) for fault in error.faults], code="no_such_version"
        ) from None


def _check_items(version: DatasetVersion) -> None:
    if version.items is None:
        raise ConflictError(
            f"There is no list of the items of version {version.number}: it is {version.status}, or an earlier release "
            "made it; make a new version with the options that it has.",
            code="no_items",
        )


async def _resolved(
    session: AsyncSession, version: DatasetVersion, decisions: Sequence[Decision]
) -> dict[str, ItemDecision]:
    _check_items(version)
    # Load only items that a decision may select.
    named: dict[str, set[str]] = {"paths": set(), "ids": set(), "codes": set(), "speakers": set()}
    for decision in decisions:
        for field, names in named.items():
            names.update(getattr(decision, field) or ())
    query = (
        select(DatasetItem)
        .where(
            DatasetItem.version_id == version.id,
            or_(
                DatasetItem.path == _any_of(named["paths"]),
                DatasetItem.item_id == _any_of(named["ids"]),
                DatasetItem.codes.overlap(sorted(named["codes"])),
                _any_of(named["speakers"]) == GROUP,
            ),
        )
        .order_by(DatasetItem.position)
    )
    rows = (await session.scalars(query)).all()
    # A code or a speaker may select every item of a large dataset: resolve off the event loop.
    decided, faults = await asyncio.to_thread(
        lambda: resolve(decisions, map(item_record, rows), f"version {version.number}")
    )
    if faults:
        raise InvalidRequestError.of(faults, code="invalid_decisions")
    return decided


def _any_of(names: Collection[str]) -> ColumnElement[Any]:
    """Any of many texts, as one parameter: a statement can have at most 32,767."""
    return any_(cast(sorted(names), ARRAY(Text)))
