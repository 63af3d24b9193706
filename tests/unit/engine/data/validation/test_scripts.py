"""Texts in the languages of the world, from files to findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.manifest import read_manifest
from engine.data.report import IngestReport
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import folder_of, jsonl, wav
from tests.unit.engine.data.validation.waves import int16, voice


def _ingested(tmp_path: Path, texts: list[str]) -> IngestReport:
    rows = [{"file_name": f"{i}.wav", "text": text, "speaker": f"s{i}"} for i, text in enumerate(texts)]
    files = {f"{i}.wav": wav(int16(voice(100 + i, syllables=8))) for i in range(len(texts))}
    return ingest(folder_of(tmp_path / "source", {**files, "metadata.jsonl": jsonl(*rows)}), tmp_path / "out")


def _warnings(report: IngestReport, path: str) -> list[str]:
    assert report.validation is not None
    return [f.code for f in report.validation.findings if f.path == path and f.severity == "warning"]


@pytest.mark.parametrize(
    ("texts", "warnings"),
    [
        (["你吃饭了吗?我还没吃", "今天天气很好"], [[], []]),
        (["おはよう?元気ですか", "今日はいい天気"], [[], []]),
        (["what?no I said yes", "so it is now again"], [["question_mark_in_word"], []]),
        (["мен Googleдан іздедім", "ол Facebookта жазды"], [["foreign_stem"], ["foreign_stem"]]),
        (["Siehe Abschnitt 3.2.1.1", "Kapitel 1.2.3.4 da"], [["possible_personal_data"], ["possible_personal_data"]]),
        (["मैं स्कूल जाता हूँ।", "मैं स्कूल जाती हूँ।"], [[], []]),
        (["السَّلَامُ عَلَيْكُمْ", "สวัสดีครับวันนี้"], [[], []]),
    ],
)
def test_good_texts_stay(texts: list[str], warnings: list[list[str]], tmp_path: Path) -> None:
    report = _ingested(tmp_path, texts)
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == texts
    assert [_warnings(report, f"{i}.wav") for i in range(len(texts))] == warnings


def test_lost_letters_are_found_in_all_texts_together(tmp_path: Path) -> None:
    report = _ingested(tmp_path, ["M?nchen ist sch?n heute", "gr??er und h?her als je", "das ist ja fein hier"])
    assert [u.id for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["2"]
    assert [item.code for item in report.set_aside] == ["unreadable_text", "unreadable_text"]
    assert report.set_aside[0].reason.startswith("found a question mark inside a word ('M?nchen ")


def test_texts_that_differ_in_a_mark_are_not_the_same(tmp_path: Path) -> None:
    texts = ["मैं आज सुबह स्कूल जाता था", "मैं आज सुबह स्कूल जाती थी", "मैं आज सुबह स्कूल जाता था।"]
    rows = [{"file_name": f"{i}.wav", "text": text, "speaker": "ada"} for i, text in enumerate(texts)]
    files = {f"{i}.wav": wav(int16(voice(200 + i, syllables=9))) for i in range(3)}
    report = ingest(folder_of(tmp_path / "source", {**files, "metadata.jsonl": jsonl(*rows)}), tmp_path / "out")
    assert [_warnings(report, f"{i}.wav") for i in range(3)] == [[], [], ["repeated_text"]]
