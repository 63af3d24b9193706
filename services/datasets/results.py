"""Write what an ingestion has made to the database: counts, report and items of a version."""

from __future__ import annotations

import asyncio
import json
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Text, cast, delete, insert, literal, update
from sqlalchemy.dialects.postgresql import JSONB

from engine.data.items import ItemRecord, read_items
from engine.data.version_files import ITEMS_NAME
from engine.errors import ObjectNotFoundError
from engine.run.store import RunStore
from services.database.engine import Sessions, open_session
from services.database.models import DatasetItem, DatasetVersion
from services.datasets.item_rows import batched, item_row
from services.jobs.events import storable

_ITEMS_AT_ONCE: Final = 500
_MOST_BYTES: Final = 256 * 2**20
"""Largest outcome that is read: a hostile dataset may have a huge report."""


async def write_outcome(sessions: Sessions, run: RunStore, key: str, version_id: uuid.UUID) -> bool:
    """Write the counts and the report of a version that is being processed; return whether there are any counts.

    Args:
        sessions: session factory.
        run: files of the ingestion.
        key: of its outcome, as `cluster.ingest.OUTCOME_KEY`; nothing is written if there is none.
        version_id: the version.
    """
    read = await asyncio.to_thread(_read, run, key)
    if read is None:
        return False
    made, report = read
    values: dict[str, Any] = {"report": cast(literal(report, Text), JSONB)} if report is not None else {}
    if made is not None:
        values |= {name: made[name] for name in ("utterances", "audio_s")}
        values |= {name: storable(made[name]) for name in ("statistics", "sample")}
    if values:
        of_this = update(DatasetVersion).where(DatasetVersion.id == version_id, DatasetVersion.status == "processing")
        async with open_session(sessions) as session:
            await session.execute(of_this.values(**values), execution_options={"synchronize_session": False})
            await session.commit()
    return made is not None


async def store_items(sessions: Sessions, files: RunStore, version_id: uuid.UUID) -> None:
    """Write the items of a version, replacing those of an earlier attempt.

    Args:
        sessions: session factory.
        files: the version's files.
        version_id: the version; its items are invisible until it is ready.
    """
    with tempfile.TemporaryDirectory(prefix="lim-items-") as folder:
        path = Path(folder) / ITEMS_NAME
        await asyncio.to_thread(files.get, ITEMS_NAME, path)
        # One transaction per batch: none is open while the next batch is read.
        async with open_session(sessions) as session:
            await session.execute(delete(DatasetItem).where(DatasetItem.version_id == version_id))
            await session.commit()
        count, batches = 0, batched(read_items(path), _ITEMS_AT_ONCE)
        while rows := await asyncio.to_thread(_next_rows, batches, version_id, count):
            async with open_session(sessions) as session:
                await session.execute(insert(DatasetItem), rows)
                await session.commit()
            count += len(rows)


def _read(run: RunStore, key: str) -> tuple[dict[str, Any] | None, str | None] | None:
    """The made version and the report as JSON, serialized off the event loop; None: there is no outcome."""
    if run.size(key) > _MOST_BYTES:
        raise ValueError(f"the outcome has more than {_MOST_BYTES} bytes")
    try:
        outcome = json.loads(run.get_bytes(key))
    except ObjectNotFoundError:
        return None
    report = outcome["report"]
    return outcome["version"], None if report is None else json.dumps(storable(report))


def _next_rows(batches: Iterator[Sequence[ItemRecord]], version_id: uuid.UUID, position: int) -> list[dict[str, Any]]:
    return [item_row(version_id, position + at, item) for at, item in enumerate(next(batches, ()))]
