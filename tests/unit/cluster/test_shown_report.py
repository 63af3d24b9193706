"""Reports as the database keeps them: a hostile dataset makes none that is slow to read."""

from __future__ import annotations

import json

from cluster.ingestion.processing import MOST_LISTED, shown
from engine.data.report import ACTIONS, IngestReport, SetAside, TextStatistics
from services.pipelines.stages.validate import ValidateStage, faults_of_data


def test_long_lists_are_cut_and_counts_are_not() -> None:
    many = 30_000
    aside = [
        SetAside(path=f"a{number}.wav", code="silent", reason="x" * 500, action=ACTIONS["silent"])
        for number in range(many)
    ]
    report = IngestReport(
        layout="audiofolder",
        layouts=["audiofolder"],
        metadata_files=[],
        items_found=many + 10,
        items_good=10,
        set_aside_by_code={"silent": many},
        set_aside=aside,
        audio_s=1.0,
        shortest_s=1.0,
        longest_s=1.0,
        speakers={**{f"speaker {number}": 1 for number in range(many)}, "y" * 1_000: 9, "ada": 7},
        without_speaker=0,
        splits={},
        rates_hz={},
        formats={},
        text=TextStatistics(),
        warnings=["w"] * many,
    )
    found = shown(report)
    assert len(json.dumps(found)) < 3_000_000
    assert len(found["set_aside"]) == len(found["warnings"]) == MOST_LISTED
    assert found["speakers"]["ada"] == 7
    assert "y" * 1_000 not in found["speakers"]
    [fault] = faults_of_data(ValidateStage(name="validate"), 10, 1.0, found)
    assert f"{many} of {many + 10} items" in fault
