"""The report of the memory study is that of today's model: what it says of the bundled model is predicted anew."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.memory.calibration import CPU, MARGIN
from engine.models.catalogue import PROJECT_ROOT
from tuning.studies.memory.cells import Cell, cells
from tuning.studies.memory.report import predicted

ROWS = json.loads((PROJECT_ROOT / "docs" / "studies" / "memory.json").read_text(encoding="utf-8"))["rows"]
BUNDLED = [(cell, row) for cell, row in zip(cells(), ROWS, strict=True) if cell.model == "whisper-pico"]


@pytest.mark.parametrize(("cell", "row"), BUNDLED, ids=lambda each: each.key if isinstance(each, Cell) else "")
def test_the_report_is_true_and_none_needs_more_than_the_margin(cell: Cell, row: dict[str, Any]) -> None:
    peak, _ = predicted(cell, cell.model)
    assert row["predicted_phases"] == {phase: found - CPU.fresh_bytes for phase, found in peak.totals.items()}
    assert row["measured_bytes"] <= MARGIN * row["predicted_bytes"]
