"""Versions of a dataset: what each decision does, that options stay, and that versions never change."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.audio.reading import read_audio
from engine.config.base import parse
from engine.config.processing import ProcessingConfig
from engine.data.example import Utterance
from engine.data.items import ItemRecord, read_items
from engine.data.manifest import read_manifest
from engine.data.report import IngestReport
from engine.data.revision import Revision, VersionRecord, read_version
from engine.data.versions import changed_source, make_version, revise
from engine.errors import ConfigError, IngestError
from tests.unit.engine.data.corpora import STRUCTURES, spoken
from tests.unit.engine.data.recordings import folder_of, noise, wav, zip_of

LONG_TEXT = "this text has far more words than anybody could ever say in less than a third of a second of sound"
ROWS = {
    "a.wav": ("turn left", "ada"),
    "copy.wav": ("turn right", "bob"),
    "still.wav": ("hush", "ada"),
    "loud.wav": ("stop", "bob"),
    "mail.wav": ("write to ada@example.org", "ada"),
    "long.wav": (LONG_TEXT, "bob"),
    "mixed.wav": ("st\u043ep it", "cem"),  # a Cyrillic o
    "cut.wav": ("go on", "cem"),
    "gone.wav": ("gone", "cem"),
    "good.wav": ("go back", "dan"),
}


def overdriven() -> np.ndarray[Any, np.dtype[np.float32]]:
    """A loud tone whose tops are cut off."""
    times_T = np.arange(8000) / 16_000
    tone_T = np.clip(2.5 * np.sin(2 * np.pi * 220 * times_T), -1.0, 1.0).astype(np.float32)
    tone_T[:1600] *= 0.01  # a pause, so that it is no steady noise
    return tone_T


def files() -> dict[str, bytes]:
    """Recordings of which two are good, and each of the others has a fault of its own."""
    rows = [f'{name},"{text}",{speaker}' for name, (text, speaker) in ROWS.items()]
    first = wav(noise(1))
    return {
        "metadata.csv": "\n".join(["file_name,transcription,speaker", *rows]).encode(),
        "a.wav": first,
        "copy.wav": first,
        "still.wav": wav(np.zeros(8000, np.int16)),
        "loud.wav": wav(overdriven()),
        "mail.wav": wav(noise(2, 1.0)),
        "long.wav": wav(noise(3)),
        "mixed.wav": wav(noise(4)),
        "cut.wav": wav(noise(5))[:3000],
        "good.wav": wav(noise(6)),
        "mute.wav": wav(noise(7)),
        "notes.txt": b"dear diary",
    }


@pytest.fixture
def first(tmp_path: Path) -> Path:
    source = zip_of(tmp_path / "speech.zip", files())
    make_version(source, tmp_path / "v1", VersionRecord(source=str(source)))
    return tmp_path / "v1"


def revision(**values: Any) -> Revision:
    return parse(Revision, values)


def decided(first: Path, *decisions: dict[str, Any], **options: Any) -> tuple[IngestReport, dict[str, Utterance]]:
    """The report of the next version, and its utterances by id."""
    target = first.parent / f"v2-{len(list(first.parent.iterdir()))}"
    report = revise(first, target, revision(decisions=list(decisions), **options))
    return report, {utterance.id: utterance for utterance in read_manifest(target / "manifest.jsonl")}


def items(folder: Path) -> dict[str, ItemRecord]:
    return {item.path: item for item in read_items(folder / "items.jsonl")}


def faults_of(first: Path, *decisions: dict[str, Any], **options: Any) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        decided(first, *decisions, **options)
    return {fault.path: fault.message for fault in caught.value.faults}


def digest(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_every_item_is_listed_with_what_was_found(first: Path) -> None:
    found = items(first)
    rejected = {path: item.rejecting for path, item in found.items() if item.status == "rejected"}
    assert rejected == {
        "copy.wav": {"duplicate_audio"},
        "still.wav": {"silent"},
        "loud.wav": {"clipped"},
        "mail.wav": {"personal_data"},
        "long.wav": {"mismatched_text"},
        "mixed.wav": {"mixed_scripts"},
        "cut.wav": {"truncated"},
        "gone.wav": {"missing_audio"},
        "mute.wav": {"missing_text"},
        "notes.txt": {"not_audio"},
    }
    good = found["good.wav"]
    assert (good.status, good.id, good.text, good.speaker, good.duration_s) == ("good", "good", "go back", "dan", 0.3)
    assert (found["loud.wav"].text, found["loud.wav"].speaker, found["loud.wav"].id) == ("stop", "bob", None)
    assert (found["mute.wav"].text, found["notes.txt"].text) == (None, None)
    assert list(found)[:3] == ["a.wav", "copy.wav", "still.wav"]  # as in the source


@pytest.mark.parametrize("path", ["copy.wav", "still.wav", "loud.wav", "mail.wav", "long.wav", "mixed.wav"])
def test_a_finding_is_overruled(first: Path, path: str) -> None:
    code = next(iter(items(first)[path].rejecting))
    for decision in ({"do": "accept", "paths": [path]}, {"do": "accept", "codes": [code]}):
        report, utterances = decided(first, decision)
        name = path.removesuffix(".wav")
        assert set(utterances) == {"a", "good", name}
        assert (utterances[name].target.text, utterances[name].group) == ROWS[path]
        assert report.validation is not None
        assert report.validation.overruled_by_code == {code: 1}
        assert code not in report.validation.findings_by_code
        overruled = [finding for finding in report.validation.findings if finding.severity == "overruled"]
        assert [(finding.path, finding.code) for finding in overruled] == [(path, code)]


def test_an_accepted_recording_has_its_own_samples(first: Path) -> None:
    report, utterances = decided(first, {"do": "accept", "paths": ["loud.wav"]})
    folder = max(first.parent.glob("v2-*"))
    loud = utterances["loud"]
    wave_T = read_audio(folder / loud.input.audio, 16_000, loud.input.start_s, loud.input.duration_s)
    np.testing.assert_allclose(wave_T, overdriven(), atol=1e-4)
    assert report.items_good == 3


@pytest.mark.parametrize(
    ("path", "advice"),
    [("cut.wav", "correct the source"), ("gone.wav", "correct the source"), ("mute.wav", "give its text")],
)
def test_what_cannot_be_overruled_is_said(first: Path, path: str, advice: str) -> None:
    faults = faults_of(first, {"do": "accept", "paths": [path]}, {"do": "accept", "paths": ["a.wav"]})
    assert advice in faults["decisions.0"]
    assert path in faults["decisions.0"]
    assert "is in the dataset already" in faults["decisions.1"]


def test_a_length_is_a_limit_and_no_judgement(tmp_path: Path) -> None:
    rows = b"file_name,text\nlong.wav,go on and on\nshort.wav,go\n"
    data = {"metadata.csv": rows, "long.wav": wav(noise(1, 2.0)), "short.wav": wav(noise(2, 0.5))}
    source = folder_of(tmp_path / "speech", data)
    first = tmp_path / "v1"
    options = parse(ProcessingConfig, {"limits": {"max_item_s": 1.0}})
    report = make_version(source, first, VersionRecord(source=str(source), options=options))
    assert report.set_aside_by_code == {"too_long": 1}
    assert "raise limits.max_item_s" in faults_of(first, {"do": "accept", "paths": ["long.wav"]})["decisions.0"]
    report, utterances = decided(first, limits={"max_item_s": 2.5})
    assert (report.items_good, utterances["long"].input.duration_s) == (2, 2.0)


def test_items_are_rejected_and_come_back(first: Path) -> None:
    report, utterances = decided(first, {"do": "reject", "paths": ["a.wav"]})
    # Its copy is no copy of anything in the dataset any more.
    assert set(utterances) == {"copy", "good"}
    assert {item.path: item.reason for item in report.set_aside if item.code == "rejected"} == {
        "a.wav": "it was rejected by a decision"
    }
    second = max(first.parent.glob("v2-*"))
    third = first.parent / "v3"
    revise(second, third, revision(decisions=[{"do": "accept", "paths": ["a.wav"]}]))
    assert {u.id for u in read_manifest(third / "manifest.jsonl")} == {"a", "good"}
    record = read_version(third)
    assert (record.number, record.parent) == (3, 2)


def test_a_group_of_items_is_rejected(first: Path) -> None:
    _, utterances = decided(
        first, {"do": "accept", "codes": ["clipped", "silent"]}, {"do": "reject", "speakers": ["ada"]}
    )
    assert set(utterances) == {"copy", "loud", "good"}
    _, utterances = decided(first, {"do": "reject", "ids": ["good"]})
    assert set(utterances) == {"a"}


def test_items_are_edited(first: Path) -> None:
    _, utterances = decided(
        first,
        {"do": "edit", "paths": ["good.wav"], "text": "go forward", "split": "test"},
        {"do": "edit", "paths": ["mail.wav"], "text": "write to ada"},
        {"do": "edit", "paths": ["mute.wav"], "text": "go", "speaker": "eve"},
        {"do": "edit", "paths": ["long.wav"], "text": "this text"},
        {"do": "edit", "speakers": ["ada"], "speaker": None},
    )
    assert {name: (u.target.text, u.group, u.split) for name, u in utterances.items()} == {
        "a": ("turn left", None, None),
        "good": ("go forward", "dan", "test"),
        "mail": ("write to ada", None, None),
        "mute": ("go", "eve", None),
        "long": ("this text", "bob", None),
    }


def test_an_edited_text_is_judged_like_any_other(first: Path) -> None:
    report, _ = decided(first, {"do": "edit", "paths": ["good.wav"], "text": "mail bob@example.org"})
    assert {item.path: item.code for item in report.set_aside}["good.wav"] == "personal_data"
    report, utterances = decided(
        first,
        {"do": "edit", "paths": ["good.wav"], "text": "mail bob@example.org"},
        {"do": "accept", "paths": ["copy.wav"]},
    )
    assert set(utterances) == {"a", "copy"}


def test_every_fault_of_a_request_is_told_at_once(first: Path) -> None:
    faults = faults_of(
        first,
        {"do": "accept", "paths": ["copy.wav", "none.wav"]},
        {"do": "reject", "ids": ["nobody"]},
        {"do": "reject", "codes": ["quiet"]},
        {"do": "edit", "paths": ["notes.txt"], "speaker": "x"},
        {"do": "accept", "speakers": ["dan"]},
        {"do": "accept", "paths": ["copy.wav"], "codes": ["clipped"]},
        {"do": "reject", "paths": ["gone.wav"]},
    )
    assert faults == {
        "decisions.0.paths.1": "no item 'none.wav' in version 1",
        "decisions.1.ids.0": "no good item 'nobody' in version 1",
        "decisions.2.codes.0": "no finding 'quiet' in version 1",
        "decisions.3": "notes.txt is rejected for not_audio and cannot be edited: its recording or its row is "
        "incomplete; correct the source and make a new dataset of it",
        "decisions.4": "no item of version 1 is like that, or none can be decided so",
        "decisions.5": "no item of version 1 is like that, or none can be decided so",
        "decisions.6": "gone.wav is no recording with a text; it is not in the dataset anyway",
    }


@pytest.mark.parametrize(
    ("values", "path", "message"),
    [
        ({}, "", "changes nothing"),
        ({"decisions": [{"do": "accept"}]}, "decisions.0", "selects nothing"),
        ({"decisions": [{"do": "edit", "paths": ["a.wav"]}]}, "decisions.0", "changes nothing"),
        ({"decisions": [{"do": "edit", "speakers": ["ada"], "text": "x"}]}, "decisions.0", "is of one item"),
        ({"decisions": [{"do": "edit", "paths": ["a.wav"], "text": None}]}, "decisions.0", "without a text"),
        ({"decisions": [{"do": "edit", "paths": ["a.wav"], "text": "a\0"}]}, "decisions.0.text", "no text"),
        ({"decisions": [{"do": "drop", "paths": ["a.wav"]}]}, "decisions.0.do", "'accept', 'reject', 'edit'"),
        ({"validation": {"loudness": 3}}, "validation.loudness", "no such field"),
        ({"language": "klingon speech"}, "language", "unknown language"),
        ({"limits": {"max_item_s": 0.04}}, "limits", "less than max_item_s"),
    ],
)
def test_requests_that_say_nothing_or_nonsense(values: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(Revision, values)
    found = {fault.path: fault.message for fault in caught.value.faults}
    assert message in found[path], found


def test_thresholds_decide_and_stay(first: Path) -> None:
    report, utterances = decided(first, validation={"clipped_share": 1.0})
    assert "loud" in utterances
    second = max(first.parent.glob("v2-*"))
    third = first.parent / "v3"
    report = revise(second, third, revision(decisions=[{"do": "reject", "paths": ["good.wav"]}]))
    assert {u.id for u in read_manifest(third / "manifest.jsonl")} == {"a", "loud"}
    assert read_version(third).options.validation.clipped_share == 1.0
    assert report.set_aside_by_code["rejected"] == 1


def test_a_dataset_is_divided_anew(tmp_path: Path) -> None:
    names = [f"s{speaker}-{take}" for speaker in range(4) for take in range(3)]
    rows = [
        f"{name}.wav,word {at},{name[:2]},{'test' if name[:2] == 's0' else 'train'}" for at, name in enumerate(names)
    ]
    data = {f"{name}.wav": wav(noise(at)) for at, name in enumerate(names)}
    data["metadata.csv"] = "\n".join(["file_name,text,speaker,split", *rows]).encode()
    source = folder_of(tmp_path / "speech", data)
    first = tmp_path / "v1"
    make_version(source, first, VersionRecord(source=str(source)))

    def speakers(utterances: dict[str, Utterance], split: str) -> set[str]:
        return {u.group or "" for u in utterances.values() if u.split == split}

    wanted = {"test_fraction": 0.25, "validation_fraction": 0.25, "seed": 3}
    report, utterances = decided(first, split=wanted)
    assert (speakers(utterances, "test"), len(speakers(utterances, "train"))) == ({"s0"}, 3)
    assert any("the source makes splits itself" in warning for warning in report.warnings)

    report, utterances = decided(first, split=wanted | {"source_splits": "replace"})
    assert report.splits == {"test": 3, "train": 6, "validation": 3}
    drawn = speakers(utterances, "test")
    assert len(drawn) == 1
    assert report.validation is not None
    assert "leakage" not in report.validation.findings_by_code

    other = ({"s0", "s1", "s2", "s3"} - drawn - speakers(utterances, "validation")).pop()
    pinned = {"do": "edit", "paths": [f"{other}-0.wav"], "split": "test"}
    report, utterances = decided(first, pinned, split=wanted | {"source_splits": "replace"})
    assert utterances[f"{other}-0"].split == "test"
    assert report.splits == {"test": 4, "train": 5, "validation": 3}
    assert report.validation is not None
    assert report.validation.findings_by_code["leakage"] == 1  # one voice on both sides, which is said


def test_splits_that_a_person_gives_are_no_splits_of_the_source(first: Path) -> None:
    """The rest is still drawn, although one item has a split already."""
    decision = {"do": "accept", "codes": ["clipped", "personal_data", "mixed_scripts", "duplicate_audio"]}
    pinned = {"do": "edit", "paths": ["good.wav"], "split": "validation"}
    report, utterances = decided(first, decision, pinned, split={"test_fraction": 0.3, "by": "recording"})
    assert utterances["good"].split == "validation"
    assert report.splits["test"] >= 1
    assert all(u.split is not None for u in utterances.values())


def test_the_same_revision_gives_the_same_version_and_the_first_stays(first: Path) -> None:
    before = digest(first)
    asked = revision(
        decisions=[{"do": "accept", "codes": ["clipped"]}, {"do": "edit", "ids": ["a"], "text": "left"}],
        split={"test_fraction": 0.3},
    )
    made = []
    for name in ("one", "two"):
        revise(first, first.parent / name, asked)
        made.append(digest(first.parent / name))
    assert made[0] == made[1]
    assert digest(first) == before
    with pytest.raises(IngestError, match="never changes"):
        revise(first, first.parent / "one", asked)
    assert digest(first.parent / "one") == made[0]


def test_a_version_without_its_recordings_says_so(first: Path, tmp_path: Path) -> None:
    asked = revision(decisions=[{"do": "accept", "codes": ["clipped"]}])
    (tmp_path / "speech.zip").rename(tmp_path / "moved.zip")
    with pytest.raises(IngestError, match=r"are not at .*speech.zip any more"):
        revise(first, tmp_path / "v2", asked)
    revise(first, tmp_path / "v2", asked, source=tmp_path / "moved.zip")
    assert read_version(tmp_path / "v2").source == str(tmp_path / "moved.zip")


def test_recordings_that_changed_in_between_are_told(first: Path, tmp_path: Path) -> None:
    data = files()
    data.pop("good.wav")
    data["new.wav"] = wav(noise(20))
    zip_of(tmp_path / "speech.zip", data)
    asked = revision(
        decisions=[{"do": "edit", "paths": ["good.wav"], "text": "x"}, {"do": "accept", "codes": ["silent"]}]
    )
    report = revise(first, tmp_path / "v2", asked)
    told = changed_source(first, tmp_path / "v2")
    assert told == "the recordings changed since the version before: 1 items are new: new.wav"
    assert {item.path: item.code for item in report.set_aside}["good.wav"] == "missing_audio"
    assert changed_source(first, first) is None


def test_an_item_that_is_accepted_and_has_another_fault_is_told(tmp_path: Path) -> None:
    """The silence hid that the text has an address in it."""
    rows = b"file_name,text\na.wav,go\nb.wav,go on\nstill.wav,call +49 170 1234567\n"
    data = {
        "metadata.csv": rows,
        "a.wav": wav(noise(1)),
        "b.wav": wav(noise(2)),
        "still.wav": wav(np.zeros(48_000, np.int16)),
    }
    source = folder_of(tmp_path / "speech", data)
    first = tmp_path / "v1"
    make_version(source, first, VersionRecord(source=str(source)))
    report, utterances = decided(first, {"do": "accept", "paths": ["still.wav"], "codes": ["silent"]})
    assert "still" not in utterances
    assert "1 items were accepted and are rejected for another reason, see there: still.wav" in report.warnings
    _, utterances = decided(first, {"do": "accept", "paths": ["still.wav"]})
    assert "still" in utterances


@pytest.mark.parametrize("structure", STRUCTURES)
def test_items_of_every_structure_are_decided_about(tmp_path: Path, structure: str) -> None:
    source = folder_of(tmp_path / "speech", STRUCTURES[structure].write(spoken()))
    first = tmp_path / "v1"
    make_version(source, first, VersionRecord(source=str(source)))
    before = {u.id: u for u in read_manifest(first / "manifest.jsonl")}
    good = [item for item in read_items(first / "items.jsonl") if item.status == "good"]
    assert {item.id: item.text for item in good} == {u.id: u.target.text for u in before.values()}
    rejected, edited = good[0], good[1]
    changes = {"text": "go home", "speaker": "zoe", "split": "validation"}
    _, utterances = decided(
        first, {"do": "reject", "paths": [rejected.path]}, {"do": "edit", "ids": [edited.id], **changes}
    )
    assert set(utterances) == before.keys() - {rejected.id}
    for name, now in utterances.items():
        was = before[name]
        assert now.input.duration_s == was.input.duration_s
        if name == edited.id:
            assert (now.target.text, now.group, now.split) == ("go home", "zoe", "validation")
        else:
            assert (now.target.text, now.group, now.split) == (was.target.text, was.group, was.split)


def test_rows_that_lack_a_text_are_given_one(tmp_path: Path) -> None:
    """They keep what else their row says: times, speaker, split."""
    data = {
        "train/wav.scp": b"rec rec.wav\n",
        "train/segments": b"u1 rec 0.0 0.4\nu2 rec 0.4 0.9\nu3 rec 0.9 1.2\n",
        "train/text": b"u1 turn left\nu2\nu3 turn right\n",
        "train/utt2spk": b"u1 ada\nu2 bob\nu3 ada\n",
        "train/rec.wav": wav(noise(1, 1.2)),
    }
    source = folder_of(tmp_path / "kaldi", data)
    first = tmp_path / "v1"
    make_version(source, first, VersionRecord(source=str(source)))
    [textless] = [item for item in read_items(first / "items.jsonl") if item.status == "rejected"]
    assert textless.rejecting == {"missing_text"}
    report, utterances = decided(first, {"do": "edit", "paths": [textless.path], "text": "go on"})
    found = {u.target.text: (u.group, round(u.input.duration_s, 3)) for u in utterances.values()}
    assert found == {"turn left": ("ada", 0.4), "go on": ("bob", 0.5), "turn right": ("ada", 0.3)}
    assert report.set_aside == []


def test_a_row_whose_text_lost_its_letters_is_given_one(tmp_path: Path) -> None:
    rows = "file_name,text,speaker\na.wav,turn left,ada\nb.wav,turn \ufffd\ufffdght,bob\n".encode()
    source = folder_of(tmp_path / "speech", {"metadata.csv": rows, "a.wav": wav(noise(1)), "b.wav": wav(noise(2))})
    first = tmp_path / "v1"
    make_version(source, first, VersionRecord(source=str(source)))
    assert items(first)["b.wav"].rejecting == {"unreadable_text"}
    _, utterances = decided(first, {"do": "edit", "paths": ["b.wav"], "text": "turn right"})
    assert (utterances["b"].target.text, utterances["b"].group) == ("turn right", "bob")


def test_a_second_row_for_a_file_is_an_item_of_its_own(tmp_path: Path) -> None:
    rows = b"file_name,text\na.wav,turn left\na.wav,Turn left!\nb.wav,go on\n"
    source = folder_of(tmp_path / "speech", {"metadata.csv": rows, "a.wav": wav(noise(1)), "b.wav": wav(noise(2))})
    first = tmp_path / "v1"
    make_version(source, first, VersionRecord(source=str(source)))
    found = [(item.path, item.status, item.codes) for item in read_items(first / "items.jsonl")]
    assert found == [("a.wav", "good", set()), ("b.wav", "good", set()), ("a.wav", "rejected", {"duplicate_name"})]
    _, utterances = decided(first, {"do": "edit", "paths": ["a.wav"], "text": "turn right"})
    assert utterances["a"].target.text == "turn right"


def test_of_rows_that_contradict_each_other_one_is_chosen(tmp_path: Path) -> None:
    rows = b"file_name,text,speaker\na.wav,turn left,ada\na.wav,turn right,ada\nb.wav,go on,bob\n"
    source = folder_of(tmp_path / "speech", {"metadata.csv": rows, "a.wav": wav(noise(1)), "b.wav": wav(noise(2))})
    first = tmp_path / "v1"
    make_version(source, first, VersionRecord(source=str(source)))
    path = "a.wav (metadata.csv:3)"
    assert {name for name, item in items(first).items() if item.status == "rejected"} == {
        "a.wav (metadata.csv:2)",
        path,
    }
    decision = {"do": "edit", "paths": [path], "text": "turn right", "split": "test"}
    _, utterances = decided(first, decision)
    assert (utterances["a"].target.text, utterances["a"].group, utterances["a"].split) == ("turn right", "ada", "test")
    second = max(first.parent.glob("v2-*"))
    revise(second, first.parent / "v3", revision(decisions=[{"do": "edit", "ids": ["a"], "speaker": "zoe"}]))
    [kept] = [u for u in read_manifest(first.parent / "v3" / "manifest.jsonl") if u.id == "a"]
    assert (kept.target.text, kept.group, kept.split) == ("turn right", "zoe", "test")


def test_of_a_group_only_those_are_taken_in_that_can_be(first: Path) -> None:
    _, utterances = decided(first, {"do": "accept", "speakers": ["bob", "cem"]})
    assert set(utterances) == {"a", "good", "copy", "loud", "long", "mixed"}  # the truncated one stays out
    faults = faults_of(first, {"do": "accept", "codes": ["truncated", "clipped", "missing_text"]})
    assert faults == {
        "decisions.0.codes.0": "truncated cannot be overruled: its recording or its row is incomplete; correct the "
        "source and make a new dataset of it",
        "decisions.0.codes.2": "missing_text cannot be overruled: edit the item and give its text",
    }


def test_every_option_has_its_effect_and_stays_when_another_changes(tmp_path: Path) -> None:
    soft_T = (0.002 * np.sin(2 * np.pi * 300 * np.arange(8000) / 16_000)).astype(np.float32)
    soft_T[:3000] *= 0.05
    data = {
        "7_ada_1.wav": wav(noise(1)),
        "3_ada_2.wav": wav(noise(2, 0.04)),
        "4_bob_1.wav": wav(soft_T),
        "5_bob_2.wav": wav(noise(3, 0.5)),
    }
    source = folder_of(tmp_path / "speech", data)
    first = tmp_path / "v1"
    make_version(source, first, VersionRecord(source=str(source)))
    texts = {u.id: u.target.text for u in read_manifest(first / "manifest.jsonl")}
    assert texts == {"7_ada_1": "seven", "4_bob_1": "four", "5_bob_2": "five"}

    folder = first
    found = {}
    for number, options in enumerate(
        (
            {"language": "de"},
            {"limits": {"min_item_s": 0.03}},
            {"limits": {"max_item_s": 0.45}},
            {"limits": {"silence_dbfs": -50}},
        ),
        start=2,
    ):
        revise(folder, tmp_path / f"v{number}", revision(**options))
        folder = tmp_path / f"v{number}"
        found[number] = {u.id: u.target.text for u in read_manifest(folder / "manifest.jsonl")}
    assert found[2] == {"7_ada_1": "sieben", "4_bob_1": "vier", "5_bob_2": "fünf"}
    assert found[3] == {**found[2], "3_ada_2": "drei"}
    assert set(found[4]) == {"7_ada_1", "3_ada_2"}
    revise(folder, tmp_path / "v6", revision(limits={"max_item_s": 1}, validation={"quiet_dbfs": -40}))
    assert set(items(tmp_path / "v6")["4_bob_1.wav"].rejecting) == {"silent"}  # by the level of version 5
    revise(tmp_path / "v6", tmp_path / "v7", revision(validation={"noisy_snr_db": 3}, limits={"silence_dbfs": -60}))
    record = read_version(tmp_path / "v7").options
    assert (record.language, record.limits.min_item_s, record.limits.max_item_s) == ("de", 0.03, 1.0)
    assert (record.validation.quiet_dbfs, record.validation.noisy_snr_db) == (-40, 3)
    seventh = items(tmp_path / "v7")
    assert {path for path, item in seventh.items() if item.status == "good"} == set(data)
    assert "quiet" in seventh["4_bob_1.wav"].codes


def test_parts_of_one_file_stay_together(tmp_path: Path) -> None:
    """So each file is decoded once, also when one of its parts got its text from a person."""
    data = {
        "wav.scp": b"one one.wav\ntwo two.wav\n",
        "segments": b"u1 one 0.0 0.4\nu2 one 0.4 0.8\nu3 two 0.0 0.4\n",
        "text": b"u1 turn left\nu3 go on\n",
        "one.wav": wav(noise(1, 0.8)),
        "two.wav": wav(noise(2, 0.5)),
    }
    rows = {**data, "text": b"u1 turn left\nu2\nu3 go on\n"}
    source = folder_of(tmp_path / "kaldi", rows)
    first = tmp_path / "v1"
    make_version(source, first, VersionRecord(source=str(source)))
    [textless] = [path for path, item in items(first).items() if item.rejecting == {"missing_text"}]
    _, utterances = decided(first, {"do": "edit", "paths": [textless], "text": "turn right"})
    assert [u.target.text for u in utterances.values()] == ["turn left", "turn right", "go on"]
