"""Results of a selection's blocks in the run's files; a restart continues from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from engine.errors import ObjectNotFoundError
from engine.run.store import RunStore

PARTS: Final = "parts"

Row = dict[str, Any]


def part_name(*told: object) -> str:
    """Name of a part: a hash of everything it is made from."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:40]


class Parts:
    """Rows by the name of their block, under a folder of a run's files."""

    def __init__(self, store: RunStore, step: str) -> None:
        self._store = store
        self._folder = f"{PARTS}/{step}"

    def names(self) -> set[str]:
        """Names of the stored parts."""
        return {key.rpartition("/")[2].removesuffix(".jsonl") for key in self._store.list(self._folder)}

    def write(self, name: str, rows: Sequence[Row]) -> None:
        """Store the rows of a block, atomically."""
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self._store.put_bytes(f"{self._folder}/{name}.jsonl", lines.encode("utf-8", "surrogatepass"))

    def read(self, name: str) -> list[Row] | None:
        """The rows of a block; None if missing or unreadable."""
        try:
            text = self._store.get_bytes(f"{self._folder}/{name}.jsonl").decode("utf-8", "surrogatepass")
            return [json.loads(line) for line in text.split("\n") if line]
        except (ObjectNotFoundError, ValueError):
            return None
