"""The study of classification goes on from what it has measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tuning.studies.classification.__main__ import earlier
from tuning.studies.classification.cells import Cell, Outcome

OUTCOME = Outcome(Cell("sounds", "1", "qlora", 0), [1, 0], ["1", "1"], 0.5, 0.4, 100, 3.5, 1000, 10)
TOLD = {"model": "tiny", "epochs": 4.0}


def test_what_was_measured_with_the_same_settings_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    assert earlier(path, TOLD) == {}
    path.write_text(json.dumps({**TOLD, "rows": [asdict(OUTCOME)]}))
    assert earlier(path, TOLD) == {OUTCOME.cell: OUTCOME}
    assert earlier(path, {**TOLD, "epochs": 2.0}) == {}
    assert earlier(path, {**TOLD, "model": "base"}) == {}
