"""Real sounds and commands are ingested completely, with the classes, groups and splits that their authors give."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.tasks.registry import TASKS
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import codes
from tests.unit.engine.data.targets import CLASSES, found

SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"


@pytest.mark.skipif(not (SHARED / "esc10").exists(), reason="the data is not at ../shared/data/esc10")
@pytest.mark.parametrize("task", ["audio_classification", "retrieval"])
def test_esc10_is_read_completely(tmp_path: Path, task: str) -> None:
    report = ingest(SHARED / "esc10", tmp_path, target_types=TASKS[task].targets, threads=1)  # type: ignore[index]
    assert report.items_good == 398
    assert codes(report) == {"SOURCE-README.txt": "not_audio"}
    assert report.speakers == {"1": 79, "2": 79, "3": 80, "4": 80, "5": 80}
    if task == "retrieval":
        assert (report.captions, report.text.distinct) == (398, 10)
    else:
        assert len(report.labels) == 10
        assert report.labels["rooster"] == 38 and report.labels["dog_bark"] == 40
        assert report.validation is not None
        assert set(report.validation.findings_by_code) == {"clipped_a_little", "near_copy", "not_audio", "scaled"}


@pytest.mark.skipif(
    not (SHARED / "arabic-commands").exists(), reason="the data is not at ../shared/data/arabic-commands"
)
def test_arabic_commands_are_read_completely(tmp_path: Path) -> None:
    report = ingest(SHARED / "arabic-commands", tmp_path, target_types=CLASSES, threads=1)
    assert report.items_good == 750
    assert codes(report) == {"LICENSE": "not_audio"}
    assert report.labels == dict.fromkeys(("close", "down", "left", "no", "one"), 150)
    assert report.splits == {"test": 150, "train": 450, "validation": 150}
    assert len(report.speakers) == 30
    assert not found(report, "leakage")
