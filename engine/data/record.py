"""A row of a table, before its values are interpreted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.data.columns import Column
from engine.errors import ItemError


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a table, before its values are interpreted."""

    line: int
    """Its number in the file, counted from 1."""
    values: list[Any]
    """Values, at most one per column."""
    fault: ItemError | None = None
    """Why it cannot be used; None if it can."""

    def value(self, column: Column | None) -> Any:
        """Its value in a column; None if it has none."""
        return self.values[column.at] if column is not None and column.at < len(self.values) else None
