"""Cells of a study: results of single runs in small files, so that a study goes on where it ended."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    CellT = TypeVar("CellT", bound=DataclassInstance)
else:
    CellT = TypeVar("CellT")


def read_cell(path: Path, kind: type[CellT]) -> CellT | None:
    """A stored cell; None if it has not run, or an earlier version of the study wrote it."""
    try:
        return kind(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_cell(path: Path, cell: DataclassInstance) -> None:
    """Store a cell; a study that is ended while it writes leaves no part of one."""
    replace_file(path, json.dumps(dataclasses.asdict(cell)))


def replace_file(path: Path, text: str) -> None:
    """Replace a file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
