"""Conversion of items of dataset versions to and from database rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from engine.data.items import ItemRecord
from services.database.models import DatasetItem

T = TypeVar("T")


def item_row(version_id: uuid.UUID, position: int, item: ItemRecord) -> dict[str, Any]:
    """An item's values by database column."""
    return {
        "version_id": version_id,
        "position": position,
        "path": _storable(item.path),
        "status": item.status,
        "item_id": _storable(item.id),
        "text": _storable(item.text),
        "speaker": _storable(item.speaker),
        "split": item.split,
        "duration_s": item.duration_s,
        "codes": sorted(item.codes),
        "findings": [
            {name: _storable(value) for name, value in finding.model_dump().items()} for finding in item.findings
        ],
    }


def item_record(row: DatasetItem) -> ItemRecord:
    """A row as an item record, which decisions are resolved against."""
    return ItemRecord.model_validate(
        {
            "path": row.path,
            "status": row.status,
            "id": row.item_id,
            "text": row.text,
            "speaker": row.speaker,
            "split": row.split,
            "duration_s": row.duration_s,
            "findings": row.findings,
        }
    )


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to `size` items, in order."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _storable(text: str | None) -> str | None:
    return None if text is None else text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
