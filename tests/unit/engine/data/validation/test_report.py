"""What an ingestion tells: findings, statistics, the page for people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.data.manifest import read_manifest
from engine.data.report import ACTIONS, ADVICE, CODES, WARNING_CODES, Finding, IngestReport
from engine.data.validation.config import ValidationConfig
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import folder_of, jsonl, wav
from tests.unit.engine.data.validation.waves import int16, voice


def _dataset(tmp_path: Path, rows: list[dict[str, object]], files: dict[str, bytes]) -> Path:
    return folder_of(tmp_path / "source", {**files, "metadata.jsonl": jsonl(*rows)})


def _of(report: IngestReport, path: str | None) -> list[Finding]:
    assert report.validation is not None
    return [finding for finding in report.validation.findings if finding.path == path]


def test_every_defect_is_named_with_what_was_measured(tmp_path: Path) -> None:
    clean = voice(1)
    cases: dict[str, tuple[bytes, str, str, str]] = {
        "clipped": (wav(int16(np.clip(voice(2) * 20, -1, 1))), "so it is said", "clipped", "lie on flat tops"),
        "more": (wav(int16(voice(3))), "many words " * 20, "mismatched_text", "takes at least"),
        "less": (wav(int16(voice(4, syllables=30))), "no", "mismatched_text", "has at most 1 syllables"),
        "garbled": (wav(int16(voice(5))), "cafÃ© au lait", "unreadable_text", "found 'Ã©' where 'é' was meant"),
        "cyrillic": (wav(int16(voice(6))), "in Mоscow", "mixed_scripts", "mixes Cyrillic and Latin letters"),
        "mail": (wav(int16(voice(7))), "ada@example.com", "personal_data", "its text has an e-mail address (ad…)"),
        "dots": (wav(int16(voice(8))), "...", "missing_text", "has no letter and no digit"),
        "mark": (wav(int16(voice(11))), "[inaudible]", "missing_text", "is a mark of a transcriber, and has no words"),
        "unheard": (wav(int16(voice(12))), "so <unk> is", "mismatched_text", "its text has <unk>: words are missing"),
        "escape": (wav(int16(voice(13))), "so it\\nis", "unreadable_text", "found the escape \\n"),
        "hiss": (
            wav(int16(0.005 * np.random.default_rng(0).standard_normal(16_000))),
            "so",
            "silent",
            "steady noise of",
        ),
        "twin": (wav(int16(clean)), "so it is", "duplicate_audio", "the same samples as good.wav; that one is kept"),
        "quieter": (
            wav(int16(clean * 0.3)),
            "so it is",
            "near_duplicate",
            "it is the recording good.wav in another form",
        ),
        "burst": (wav(_with_burst(voice(9))), "so it is", "corrupt", "random numbers up to full scale"),
        "cut": (
            wav(int16(voice(10)), format="OGG", subtype="VORBIS")[:3000],
            "so it is",
            "truncated",
            "its header says",
        ),
    }
    rows: list[dict[str, object]] = [{"file_name": "good.wav", "text": "so it is", "speaker": "ada"}]
    rows += [{"file_name": f"{name}.wav", "text": text, "speaker": "ada"} for name, (_, text, _, _) in cases.items()]
    files = {"good.wav": wav(int16(clean)), **{f"{name}.wav": data for name, (data, _, _, _) in cases.items()}}
    report = ingest(_dataset(tmp_path, rows, files), tmp_path / "out")
    assert [u.id for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["good"]
    set_aside = {item.path: item for item in report.set_aside}
    for name, (_, _, code, reason) in cases.items():
        item = set_aside[f"{name}.wav"]
        assert item.code == code, item
        assert reason in item.reason, item.reason
        assert item.action == ACTIONS[item.code]
        assert code in [finding.code for finding in _of(report, f"{name}.wav")]
    assert report.items_good + len(report.set_aside) == report.items_found == len(cases) + 1


def _with_burst(wave_T: np.ndarray) -> np.ndarray:
    samples_T = int16(wave_T)
    samples_T[4000:4500] = np.random.default_rng(0).integers(-32768, 32768, 500)
    return samples_T


def test_an_item_with_two_faults_is_set_aside_once_and_both_are_named(tmp_path: Path) -> None:
    rows = [{"file_name": "a.wav", "text": "gr\ufffdn a@example.com"}, {"file_name": "b.wav", "text": "so it is"}]
    files = {"a.wav": wav(int16(np.clip(voice(2) * 20, -1, 1))), "b.wav": wav(int16(voice(1)))}
    report = ingest(_dataset(tmp_path, rows, files), tmp_path / "out")
    assert [item.code for item in report.set_aside] == ["clipped"]
    assert "; besides, found a replacement character" in report.set_aside[0].reason
    assert [finding.code for finding in _of(report, "a.wav")] == ["clipped", "personal_data", "unreadable_text"]


def test_doubts_are_told_and_the_items_kept(tmp_path: Path) -> None:
    rows = [
        {"file_name": "street.wav", "text": "at 42 Oak Street"},
        {"file_name": "zero.wav", "text": "so\u200b it is"},
        {"file_name": "html.wav", "text": "you &amp; me"},
        {"file_name": "quiet.wav", "text": "so it is"},
    ]
    files = {str(row["file_name"]): wav(int16(voice(seed))) for seed, row in enumerate(rows)}
    files["quiet.wav"] = wav(int16(voice(9) * 0.012))
    report = ingest(_dataset(tmp_path, rows, files), tmp_path / "out")
    assert report.set_aside == []
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")][1] == "so it is"
    for path, code in (
        ("street.wav", "possible_personal_data"), ("zero.wav", "invisible_characters"), ("html.wav", "html"),
        ("quiet.wav", "quiet"),
    ):  # fmt: skip
        assert [(finding.code, finding.severity) for finding in _of(report, path)] == [(code, "warning")]


def test_the_dataset_as_a_whole_is_judged(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = []
    files = {}
    for number in range(44):
        name = f"{number}.wav"
        split = "test" if number % 4 == 0 else "train"
        rows.append(
            {
                "file_name": name,
                "text": "yes" if number else "no",
                "speaker": "ada" if number < 40 else "eve",
                "split": split,
            }
        )
        files[name] = wav(int16(voice(number)), 8_000 if number == 5 else 16_000)
    report = ingest(_dataset(tmp_path, rows, files), tmp_path / "out")
    told = {finding.code: finding.reason for finding in _of(report, None)}
    assert set(told) == {"leakage", "imbalance", "mixed_rates", "few_speakers"}
    assert told["leakage"].startswith("2 speakers are in train and in test: ada (30 and 10 items), eve (3 and 1 items)")
    assert told["mixed_rates"].startswith("the recordings have several sample rates: 16000 Hz (43), 8000 Hz (1)")
    imbalances = [finding.reason for finding in _of(report, None) if finding.code == "imbalance"]
    assert imbalances == [
        "speaker ada says 91 % of the items; allowed: up to 75 %",
        "'yes' is said 43 times and 'no' 1 times; allowed: up to 10 times as often",
    ]
    assert "other_rate" in [finding.code for finding in _of(report, "5.wav")]
    assert report.validation is not None
    assert any("put each speaker into one split" in each for each in report.validation.recommendations)


def test_the_report_for_programs_and_for_people(tmp_path: Path) -> None:
    rows = [{"file_name": f"{number}.wav", "text": "so it is said"} for number in range(12)]
    rows.append({"file_name": "<b>.wav", "text": "..."})
    files = {str(row["file_name"]): wav(int16(voice(seed))) for seed, row in enumerate(rows)}
    report = ingest(_dataset(tmp_path, rows, files), tmp_path / "out")
    written = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert IngestReport.model_validate(written) == report
    assert report.validation is not None
    durations = report.validation.histograms[0]
    assert (durations.name, durations.unit, sum(durations.counts)) == ("duration", "s", 12)
    assert 1.1 < durations.quantiles["p50"] < 1.6  # four syllables of 0.2 s and their pauses
    page = (tmp_path / "out" / "validation.html").read_text(encoding="utf-8")
    assert "12 of 13 items are in the dataset" in page
    assert "&lt;b&gt;.wav" in page
    assert 'src="data:image/png;base64,' in page
    assert "http" not in page
    assert (tmp_path / "out" / "validation.png").read_bytes().startswith(b"\x89PNG")


def test_the_report_says_how_the_texts_were_found_and_shows_some(tmp_path: Path) -> None:
    table = "file_name,sentence,speaker,age,split\n" + "".join(
        f"{at}.wav,so it is {word},{'ada' if at else ''},30,test\n" for at, word in enumerate(("said", "done", "<i>"))
    )
    files = {f"{at}.wav": wav(int16(voice(at))) for at in range(3)}
    report = ingest(folder_of(tmp_path / "s", {"metadata.csv": table.encode(), **files}), tmp_path / "out")
    assert report.text_source == "column 'sentence' of metadata.csv"
    assert report.columns_read == {"file_name": "file", "sentence": "text", "speaker": "speaker", "split": "split"}
    assert report.columns_ignored == ["age"]
    assert [(each.recording, each.text, each.speaker, each.split) for each in report.examples] == [
        ("0.wav", "so it is said", None, "test"),
        ("1.wav", "so it is done", "ada", "test"),
        ("2.wav", "so it is <i>", "ada", "test"),
    ]
    page = (tmp_path / "out" / "validation.html").read_text(encoding="utf-8")
    assert "Texts come from: column &#x27;sentence&#x27; of metadata.csv." in page
    assert "<td><code>age</code><td>not read" in page
    assert "<td><code>2.wav</code><td>so it is &lt;i&gt;<td>ada<td>test" in page


def test_reports_of_older_versions_are_read(tmp_path: Path) -> None:
    files = {"a.wav": wav(int16(voice(1)))}
    report = ingest(_dataset(tmp_path, [{"file_name": "a.wav", "text": "so it is"}], files), tmp_path / "out")
    new = {"text_source", "columns_read", "columns_ignored", "examples"}
    older = IngestReport.model_validate(report.model_dump(exclude=new))
    assert (older.text_source, older.columns_read, older.columns_ignored, older.examples) == ("", {}, [], [])
    assert older.items_good == 1


def test_thresholds_are_the_callers(tmp_path: Path) -> None:
    rows = [{"file_name": "a.wav", "text": "so it is"}, {"file_name": "b.wav", "text": "so it was"}]
    files = {"a.wav": wav(int16(np.clip(voice(2) * 6, -1, 1))), "b.wav": wav(int16(voice(1)))}
    source = _dataset(tmp_path, rows, files)
    assert ingest(source, tmp_path / "strict").items_good == 1
    lenient = ingest(source, tmp_path / "lenient", validation=ValidationConfig(clipped_share=1.0))
    assert lenient.items_good == 2
    with pytest.raises(IngestError, match="none of 2 items can be used"):
        ingest(
            source,
            tmp_path / "none",
            validation=ValidationConfig(shortest_sound_s=1.2, free_syllables=0, fastest_syllables_per_s=0.1),
        )


def test_every_code_says_what_to_do() -> None:
    assert set(ACTIONS) == set(CODES)
    assert set(ADVICE) == set(WARNING_CODES)
