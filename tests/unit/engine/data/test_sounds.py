"""Recordings of sounds: what is no fault of theirs, copies with other labels, decisions, reports, division."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.config.division import DivisionConfig
from engine.data.decisions import ItemDecision
from engine.data.items import read_items
from engine.data.manifest import read_examples
from tests.unit.engine.data.recordings import Samples, codes, noise, wav
from tests.unit.engine.data.targets import CAPTIONED, CLASSES, found, made, sounds, targets

SPEECH_ONLY = {"mismatched_text", "noisy", "unusual_rate", "wrong_rate", "no_speakers", "few_speakers", "long_texts"}


def _hum(seed: int) -> Samples:
    """Steady noise, as of a fan: no speech."""
    return (np.random.default_rng(seed).standard_normal(32_000) * 90).astype(np.int16)


def test_steady_noise_is_a_sound_and_no_speech(tmp_path: Path) -> None:
    files = {"fan/1.wav": wav(_hum(1)), "rain/2.wav": wav(_hum(2))}
    report = made(tmp_path / "sounds", files, CLASSES)
    assert report.items_good == 2
    files["metadata.csv"] = b"file_name,text\nfan/1.wav,fan\nrain/2.wav,rain\n5_ann_1.wav,five\n"
    speech = made(tmp_path / "speech", {**files, "5_ann_1.wav": wav(noise(3))}, ("text",))
    assert codes(speech)["fan/1.wav"] == "silent"


def test_digital_silence_is_no_sound_either(tmp_path: Path) -> None:
    files = {"a/1.wav": wav(np.zeros(16_000, np.int16))} | sounds("b/2.wav")
    assert codes(made(tmp_path, files, CLASSES))["a/1.wav"] == "silent"


@pytest.mark.parametrize("label", ["!", "404", "x\ufffd", "[noise]", "ann@example.com", "дog", "a" * 150])
def test_a_name_of_a_class_is_not_judged_as_a_text(tmp_path: Path, label: str) -> None:
    table = f"file_name,label\n1.wav,{label}\n2.wav,rain\n"
    report = made(tmp_path, sounds("1.wav", "2.wav") | {"metadata.csv": table.encode()}, CLASSES)
    assert targets(tmp_path)["1"] == label
    assert report.validation is not None
    assert not SPEECH_ONLY & set(report.validation.findings_by_code)


def test_a_copy_with_another_label_is_told(tmp_path: Path) -> None:
    files = {
        "cat/1.wav": wav(noise(1)),
        "dog/2.wav": wav(noise(1)),
        "dog/3.wav": wav(noise(3)),
        "dog/4.wav": wav(noise(3)),
    }
    report = made(tmp_path, files, CLASSES)
    assert targets(tmp_path) == {"cat.1": "cat", "dog.3": "dog"}
    assert (
        report.set_aside[0].reason == "it has the same samples as cat/1.wav, which has another label; that one is kept"
    )
    assert found(report, "contradicting_labels") == [
        "1 recordings are copies of others with another label: dog/2.wav ('dog') and cat/1.wav ('cat'); the first of each "
        "pair was kept"
    ]


def test_the_report_counts_classes_and_shows_them(tmp_path: Path) -> None:
    report = made(tmp_path, sounds("dog/1.wav", "dog/2.wav", "cat/3.wav"), CLASSES)
    stored = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (stored["target"], stored["labels"]) == ("label", {"dog": 2, "cat": 1})
    assert [histogram.name for histogram in report.validation.histograms] == ["duration", "level of sound"]  # type: ignore[union-attr]
    page = (tmp_path / "out" / "validation.html").read_text()
    assert "Classes (2)" in page and "Labels come from: names of the folders" in page
    assert found(report, "no_groups")


def test_items_show_their_targets(tmp_path: Path) -> None:
    table = b"file_name,caption_1,caption_2\n1.wav,a dog,barking\n2.wav,rain,\n"
    made(tmp_path, sounds("1.wav", "2.wav") | {"metadata.csv": table}, CAPTIONED)
    assert [item.text for item in read_items(tmp_path / "out" / "items.jsonl")] == ["a dog\nbarking", "rain"]


def test_a_decision_gives_a_label(tmp_path: Path) -> None:
    files = sounds("1.wav", "2.wav") | {"metadata.csv": b"file_name,labels\n1.wav,\n2.wav,rain;dog\n"}
    decisions = {"1.wav": ItemDecision(changes={"text": "cat; dog"}), "2.wav": ItemDecision(changes={"text": "[]"})}
    made(tmp_path, files, CLASSES, decisions=decisions)
    assert targets(tmp_path) == {"1": "cat; dog", "2": "[]"}


def test_a_drawn_division_is_even_over_classes_and_keeps_groups(tmp_path: Path) -> None:
    names = [(f"{at}.wav", ("dog", "cat")[at // 4 % 2], f"source{at // 4}") for at in range(40)]
    table = "\n".join(["file_name,label,source", *(",".join(row) for row in names)])
    files = {name: wav(noise(at)) for at, (name, _, _) in enumerate(names)} | {"metadata.csv": table.encode()}
    report = made(tmp_path, files, CLASSES, division=DivisionConfig(test_fraction=0.2))
    examples = read_examples(tmp_path / "out" / "manifest.jsonl")
    tested = [each for each in examples if each.split == "test"]
    assert len(tested) == 8
    assert sorted(each.target.label for each in tested) == ["cat"] * 4 + ["dog"] * 4
    assert not {each.group for each in tested} & {each.group for each in examples if each.split == "train"}
    assert not found(report, "leakage")


def test_findings_about_splits_are_those_of_the_drawn_division(tmp_path: Path) -> None:
    names = [(f"{at}.wav", f"class{at // 4}", f"source{at // 4}") for at in range(20)]
    table = "\n".join(["file_name,label,source", *(",".join(row) for row in names)])
    files = {name: wav(noise(at)) for at, (name, _, _) in enumerate(names)} | {"metadata.csv": table.encode()}
    report = made(tmp_path, files, CLASSES, division=DivisionConfig(test_fraction=0.2))
    told = found(report, "label_in_one_split")
    assert any("1 classes are in test and not in train" in reason for reason in told)
