"""The validate stage on reports that ingestion has written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.config.base import read_yaml
from engine.stages.ingest import ingest
from services.pipelines.declaration import Declaration
from services.pipelines.stages.validate import ValidateStage, faults_of_data, findings_by_code
from tests.unit.engine.data.recordings import folder_of, noise, wav


@pytest.fixture
def report(tmp_path: Path) -> dict[str, Any]:
    """Of twelve recordings by three people who are all in training and test, two rows without a file, odd texts."""
    rows, files = "file_name,text,speaker,split\n", {}
    for number in range(12):
        text = f"salt &amp; pepper {number}" if number < 2 else f"text {number}"
        rows += f"r{number}.wav,{text},{'abc'[number % 3]},{('train', 'test')[number % 2]}\n"
        files[f"r{number}.wav"] = wav(noise(number, 0.5))
    rows += "gone.wav,one,a,train\nlost.wav,two,b,train\n"
    source = folder_of(tmp_path / "source", {"metadata.csv": rows.encode(), **files})
    return ingest(source, tmp_path / "data").model_dump(mode="json")


def _faults(report: dict[str, Any], **asked: Any) -> list[str]:
    return faults_of_data(
        ValidateStage.model_validate({"type": "validate", **asked}), report["items_good"], report["audio_s"], report
    )


@pytest.mark.parametrize(("code", "count"), [("leakage", 1), ("html", 2), ("missing_audio", 2), ("many_set_aside", 1)])
def test_what_is_refused_is_found_on_the_dataset_on_items_kept_and_on_items_set_aside(
    report: dict[str, Any], code: str, count: int
) -> None:
    assert _faults(report, refuse=[code]) == [f"its report has {count} x {code}"]
    assert _faults(report, refuse=["corrupt", "silent", "noisy"]) == []
    assert findings_by_code(report)[code] == count


def test_the_shipped_pipeline_refuses_leakage(report: dict[str, Any]) -> None:
    shipped = Declaration.model_validate(read_yaml(Path("configs/pipelines/digits.yaml")))
    [gate] = [stage for stage in shipped.stages or () if isinstance(stage, ValidateStage)]
    assert "its report has 1 x leakage" in faults_of_data(gate, 1000, 1000.0, report)


def test_limits(report: dict[str, Any]) -> None:
    assert _faults(report) == []
    assert _faults(report, least_utterances=13) == ["it has 12 good items; at least 13 are asked for"]
    assert _faults(report, least_audio_s=7) == ["it has 6.0 s of good audio; at least 7 s are"]
    assert _faults(report, most_set_aside_share=0.1) == [
        "2 of 14 items (14.3%) were rejected; at most 10.0% is allowed"
    ]
    assert _faults(report, least_utterances=12, least_audio_s=6, most_set_aside_share=0.15) == []


def test_a_report_that_does_not_say_is_not_taken_for_a_good_one(report: dict[str, Any]) -> None:
    [fault] = _faults({**report, "validation": None}, refuse=["leakage"])
    assert fault == "it has no report that says whether there is any leakage; import it again"


def test_only_findings_that_there_are_can_be_refused() -> None:
    with pytest.raises(ValidationError, match="leakage"):
        ValidateStage.model_validate({"type": "validate", "refuse": ["leak"]})
