"""The files that a run made, with size and checksum."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.run.provenance.digests import file_sha256
from engine.run.store import RunStore

_KINDS: Final = {
    "result.json": "result",
    "config.json": "config",
    "curves.png": "curves",
    "predictions.jsonl": "predictions",
}


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file of a run; `key` is below the run's prefix."""

    name: str
    kind: str
    size: int
    sha256: str
    key: str


def find_artifacts(
    store: RunStore, events: Iterable[Mapping[str, Any]], folders: Collection[str] = ()
) -> list[MadeFile]:
    """Every artifact in the store. Size and checksum come from the run's events, else they are computed.

    Args:
        store: the run's files.
        events: the run's events.
        folders: folders in which every file is an artifact; the folder's name is its kind.
    """
    told = {made.key: made for event in events if (made := _told(event)) is not None}
    keys = set(store.list(""))
    wanted = {key for key in keys if key in _KINDS or key.partition("/")[0] in folders} | (set(told) & keys)
    return [told.get(key) or _measured(store, key) for key in sorted(wanted)]


def _told(event: Mapping[str, Any]) -> MadeFile | None:
    data = event.get("data")
    if event.get("kind") != "artifact" or not isinstance(data, Mapping):
        return None
    match data:
        case {"name": str(name), "kind": str(kind), "size": int(size), "sha256": str(sha256), "key": str(key)}:
            return MadeFile(name, kind, size, sha256, key)
        case _:
            return None


def _measured(store: RunStore, key: str) -> MadeFile:
    with tempfile.TemporaryDirectory(prefix="lim-artifact-") as folder:
        path = Path(folder) / "file"
        store.get(key, path)
        kind = _KINDS.get(key, key.partition("/")[0])
        return MadeFile(name=key, kind=kind, size=path.stat().st_size, sha256=file_sha256(path), key=key)
