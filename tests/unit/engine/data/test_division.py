"""Splits that are drawn once and written down: whole speakers, even classes, the same for the same seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.config.division import DivisionConfig
from engine.data.division import divide
from engine.data.example import Split, Utterance, make_utterance
from engine.data.manifest import read_manifest
from engine.data.splits import split_by_group
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import UNJUDGED, folder_of, noise, wav

WORDS = ("zero", "one", "two", "three")


def _spoken(speakers: int, takes: int = 5) -> list[Utterance]:
    return [
        make_utterance(f"{word}_{s}_{t}", "audio/0.wav", 0.0, 0.5 + 0.01 * t, word, f"s{s}")
        for s in range(speakers)
        for word in WORDS
        for t in range(takes)
    ]


def _files(utterances: list[Utterance]) -> list[str]:
    return [u.id for u in utterances]


@pytest.mark.parametrize("speakers", [3, 10, 40])
def test_speakers_stay_whole_and_about_the_wanted_part_is_kept(speakers: int) -> None:
    utterances = _spoken(speakers)
    splits, together, warnings = divide(
        utterances, _files(utterances), DivisionConfig(test_fraction=0.2, validation_fraction=0.1)
    )
    assert (together, warnings) == ("speaker", [])
    of = defaultdict(set)
    for u, split in zip(utterances, splits, strict=True):
        of[u.group].add(split)
    assert {len(found) for found in of.values()} == {1}
    counts = Counter(next(iter(found)) for found in of.values())
    assert counts["test"] == max(1, round(0.2 * speakers))
    assert counts["validation"] == max(1, round(0.1 * speakers))
    assert counts["train"] >= 1


def test_speakers_who_say_other_things_are_balanced() -> None:
    """Half of the speakers say two words, half the other two: the test has some of both."""
    utterances = [u for u in _spoken(20) if (int(u.group[1:]) < 10) == (u.target.text in WORDS[:2])]  # type: ignore[index]
    for seed in range(5):
        config = DivisionConfig(test_fraction=0.2, validation_fraction=0.0, seed=seed)
        splits, _, _ = divide(utterances, _files(utterances), config)
        test = Counter(u.target.text for u, split in zip(utterances, splits, strict=True) if split == "test")
        assert set(test) == set(WORDS)
        assert max(test.values()) == min(test.values())


def test_the_seed_decides_and_the_order_does_not() -> None:
    utterances = _spoken(30)

    def test_groups(order: list[Utterance], seed: int) -> set[str | None]:
        splits, _, _ = divide(order, _files(order), DivisionConfig(seed=seed))
        return {u.group for u, split in zip(order, splits, strict=True) if split == "test"}

    assert test_groups(utterances, 1) == test_groups(utterances[::-1], 1)
    assert len({frozenset(test_groups(utterances, seed)) for seed in range(8)}) > 4


@pytest.mark.parametrize("count", [40, 5000])
def test_without_speakers_files_stay_together_and_lengths_are_balanced(count: int) -> None:
    generator = np.random.default_rng(0)
    utterances = [
        make_utterance(f"u{i}", "a", 0.0, float(generator.uniform(1, 20)), f"text {i}", None) for i in range(count)
    ]
    files = [f"f{i // 2}" for i in range(count)]
    splits, together, warnings = divide(utterances, files, DivisionConfig(test_fraction=0.2))
    assert together == "recording"
    assert "drawn by recording" in warnings[0]
    assert all(splits[i] == splits[i + 1] for i in range(0, count, 2))
    seconds = {
        split: [u.input.duration_s for u, s in zip(utterances, splits, strict=True) if s == split] for split in splits
    }
    assert sum(seconds["test"]) / sum(map(sum, seconds.values())) == pytest.approx(0.2, abs=0.04)
    if count > 1000:
        assert np.median(seconds["test"]) == pytest.approx(np.median(seconds["train"]), abs=2.5)


def test_nothing_is_kept_where_nothing_is_wanted_and_somebody_always_trains() -> None:
    utterances = _spoken(4)
    none = DivisionConfig(test_fraction=0.0, validation_fraction=0.0)
    assert set(divide(utterances, _files(utterances), none).splits) == {"train"}
    one = utterances[:1]
    assert divide(one, ["f"], DivisionConfig()).splits == ["train"]
    most = DivisionConfig(test_fraction=0.9, validation_fraction=0.9)
    assert "train" in divide(utterances, _files(utterances), most).splits


def test_the_manifest_says_it_and_a_run_takes_it(tmp_path: Path) -> None:
    files = {
        f"{word}_s{s}_{t}.wav": wav(noise(100 * s + 10 * w + t, 0.3))
        for s in range(5)
        for w, word in enumerate(WORDS)
        for t in range(2)
    }
    source = folder_of(tmp_path / "source", files)
    report = ingest(source, tmp_path / "out", validation=UNJUDGED, division=DivisionConfig(test_fraction=0.2))
    utterances = read_manifest(tmp_path / "out" / "manifest.jsonl")
    assert report.splits == Counter(u.split for u in utterances) == {"train": 24, "validation": 8, "test": 8}
    plain = ingest(source, tmp_path / "plain", validation=UNJUDGED)
    assert plain.splits == {}
    assert read_manifest(tmp_path / "plain" / "manifest.jsonl") == [replace(u, split=None) for u in utterances]
    taken = split_by_group(utterances, [], 0.05, seed=3)
    assert taken.counts() == {"train": 24, "validation": 8, "test": 8}


def test_splits_of_the_source_are_kept(tmp_path: Path) -> None:
    rows = b"file_name,text,speaker,split\na.wav,one,ann,train\nb.wav,two,bo,test\n"
    source = folder_of(tmp_path / "s", {"metadata.csv": rows, "a.wav": wav(noise(1)), "b.wav": wav(noise(2))})
    report = ingest(source, tmp_path / "out", division=DivisionConfig())
    assert report.splits == {"test": 1, "train": 1}
    assert "the source makes splits itself; they are kept, and none are drawn" in report.warnings


def test_two_speakers_are_divided_by_recording_and_that_is_said(tmp_path: Path) -> None:
    files = {f"{word}_s{s}_0.wav": wav(noise(10 * s + w)) for s in range(2) for w, word in enumerate(WORDS)}
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out", division=DivisionConfig(test_fraction=0.25))
    assert report.splits["test"] == 2
    assert any("drawn by recording" in warning for warning in report.warnings)


# ---- speakers who are unevenly large ----------------------------------------------------------------------


def _uneven(**takes: int) -> list[Utterance]:
    return [
        make_utterance(f"{word}_{speaker}_{t}", "audio/0.wav", 0.0, 0.5, word, speaker)
        for speaker, count in takes.items()
        for word in WORDS
        for t in range(count)
    ]


def _of_speakers(utterances: list[Utterance], splits: list[Split]) -> dict[str, Counter[str | None]]:
    found: dict[str, Counter[str | None]] = defaultdict(Counter)
    for u, split in zip(utterances, splits, strict=True):
        found[split][u.group] += 1
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_main_speaker_is_trained_on_and_the_others_are_kept_out(seed: int) -> None:
    utterances = _uneven(main=80, b=6, c=5, d=5, e=4)
    splits, together, warnings = divide(utterances, _files(utterances), DivisionConfig(seed=seed))
    of = _of_speakers(utterances, splits)
    assert together == "speaker"
    assert warnings == []
    assert of["train"]["main"] == 320
    assert 0.05 * 400 <= of["test"].total() <= 0.2 * 400
    assert not of["test"].keys() & (of["train"].keys() | of["validation"].keys())


@pytest.mark.parametrize("seed", range(5))
def test_validation_never_takes_half_of_the_audio(seed: int) -> None:
    utterances = _uneven(a=50, b=44, c=6)
    splits, together, warnings = divide(utterances, _files(utterances), DivisionConfig(seed=seed))
    of = _of_speakers(utterances, splits)
    assert together == "speaker"
    assert set(of["test"]) == {"c"}
    assert 0.02 * 400 <= of["validation"].total() <= 0.1 * 400
    assert of["train"].total() >= 0.8 * 400
    [warning] = warnings
    assert warning.startswith(
        "no whole speakers of a fitting size are left for validation (a has 200 of 400 utterances)"
    )


def test_where_the_others_are_too_few_the_test_is_drawn_by_recording() -> None:
    utterances = _uneven(main=98, b=1, c=1)
    splits, together, warnings = divide(utterances, _files(utterances), DivisionConfig(validation_fraction=0.0))
    of = _of_speakers(utterances, splits)
    assert together == "recording"
    assert of["test"].total() == 40
    [warning] = warnings
    assert warning.startswith("no whole speakers of a fitting size are left for test (main has 392 of 400 utterances)")


def test_one_recording_cannot_be_divided_and_that_is_said() -> None:
    utterances = _uneven(a=10)
    splits, _, warnings = divide(utterances, ["talk.mp3"] * 40, DivisionConfig(validation_fraction=0.0))
    assert set(splits) == {"train"}
    assert warnings[1] == "nothing is kept for test: there is only one recording; give others, or cut it into several"


def test_little_left_to_train_on_is_said() -> None:
    utterances = _uneven(a=10, b=10, c=10, d=10, e=10, f=10)
    config = DivisionConfig(test_fraction=0.84, validation_fraction=0.0)
    warnings = divide(utterances, _files(utterances), config).warnings
    assert warnings == [
        "only 20 of 120 s of audio are left to train on; ask for a smaller test_fraction or validation_fraction, or divide "
        "by recording"
    ]
