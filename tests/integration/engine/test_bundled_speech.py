"""The speech that the project brings, as a dataset."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from engine.models.catalogue import PROJECT_ROOT
from engine.stages.ingest import ingest

BUNDLED = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"


def test_the_bundled_recordings_are_read_whole(tmp_path: Path) -> None:
    recordings = sorted(BUNDLED.rglob("*.flac"))
    report = ingest(BUNDLED, tmp_path / "out")
    assert [item.path for item in report.set_aside] == ["README.md"]
    assert report.items_good == len(recordings) == 600
    assert report.rates_hz == {8000: 600}
    assert report.audio_s == pytest.approx(sum(soundfile.info(path).duration for path in recordings), abs=1e-2)
    assert json.loads((tmp_path / "out" / "report.json").read_bytes())["speakers"].keys() == report.speakers.keys()
