"""Splits: nobody who is tested on was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from engine.data.manifest import Split, Utterance
from engine.data.splits import Splits, split_by_speaker
from engine.errors import ConfigError


def _utterances(
    speakers: Sequence[str | None] = ("ada", "bob", "eve"), texts: int = 10, takes: int = 10
) -> list[Utterance]:
    cells = [(speaker, text, take) for speaker in speakers for text in range(texts) for take in range(takes)]
    return [
        Utterance(f"{text}_{speaker}_{take}", "audio/00000.wav", i * 0.5, 0.5, str(text), speaker)
        for i, (speaker, text, take) in enumerate(cells)
    ]


def _with_split(utterance: Utterance, split: Split) -> Utterance:
    return Utterance(utterance.id, utterance.audio, utterance.start_s, utterance.duration_s, utterance.text,
                     utterance.speaker, split)  # fmt: skip


def _ids(utterances: list[Utterance]) -> set[str]:
    return {u.id for u in utterances}


def _speakers(utterances: list[Utterance]) -> set[str | None]:
    return {u.speaker for u in utterances}


def _assert_disjoint(splits: Splits) -> None:
    segments = Counter((u.audio, u.start_s) for part in (splits.train, splits.validation, splits.test) for u in part)
    assert set(segments.values()) <= {1}


def test_named_speakers_are_held_out() -> None:
    splits = split_by_speaker(_utterances(), ["eve"], 0.1, seed=0)
    assert _speakers(splits.test) == {"eve"}
    assert _speakers(splits.train) == _speakers(splits.validation) == {"ada", "bob"}
    assert splits.counts() == {"train": 180, "validation": 20, "test": 100}
    _assert_disjoint(splits)


def test_by_default_one_speaker_is_kept_out_the_same_one_each_time() -> None:
    kept_out = set()
    for seed in range(20):
        splits = split_by_speaker(_utterances(), [], 0.1, seed)
        assert splits == split_by_speaker(_utterances(), [], 0.1, seed)
        assert len(_speakers(splits.test)) == 1
        assert not _speakers(splits.test) & _speakers(splits.train + splits.validation)
        kept_out |= _speakers(splits.test)
    assert kept_out == {"ada", "bob", "eve"}


@pytest.mark.parametrize("speakers", [[None], ["ada"]])
def test_without_speakers_a_tenth_is_tested_on(speakers: list[str | None]) -> None:
    splits = split_by_speaker(_utterances(speakers), [], 0.1, seed=1)
    assert splits.counts() == {"train": 81, "validation": 9, "test": 10}
    assert len({u.text for u in splits.test}) == 10
    _assert_disjoint(splits)


def test_validation_is_spread_over_texts_and_speakers() -> None:
    splits = split_by_speaker(_utterances(), ["eve"], 0.1, seed=3)
    assert set(Counter((u.text, u.speaker) for u in splits.validation).values()) == {1}


def test_validation_speakers() -> None:
    splits = split_by_speaker(_utterances(), ["eve"], 0.1, 0, validation_speakers=["bob"])
    assert (_speakers(splits.train), _speakers(splits.validation), _speakers(splits.test)) == (
        {"ada"},
        {"bob"},
        {"eve"},
    )
    assert split_by_speaker(_utterances(), ["eve"], 0.0, 0).validation == []


def test_the_split_of_the_manifest_wins() -> None:
    plain = _utterances()
    declared: tuple[Split, ...] = ("test", "validation", "train")
    marked = [_with_split(u, declared[i % 3]) for i, u in enumerate(plain)]
    splits = split_by_speaker(marked, [], 0.5, seed=0)
    for name, part in (("train", splits.train), ("validation", splits.validation), ("test", splits.test)):
        assert {u.split for u in part} == {name}
        assert len(part) == 100


def test_the_same_audio_is_never_in_two_splits() -> None:
    plain = _utterances()
    again = [
        Utterance(f"again-{u.id}", u.audio, u.start_s + 0.1, 0.2, "again", "mal" if i % 2 else None)
        for i, u in enumerate(plain)
    ]
    splits = split_by_speaker(plain + again, ["eve"], 0.1, seed=0)

    def seconds(part: list[Utterance]) -> set[int]:
        return {int(u.start_s * 2 + 1e-6) for u in part}

    assert len(splits.test) == 100
    assert not seconds(splits.train) & seconds(splits.test)
    assert not seconds(splits.train) & seconds(splits.validation)
    assert not seconds(splits.validation) & seconds(splits.test)
    assert len(splits.train) > 300  # neighbours in a shard share nothing


def test_unknown_speakers_and_two_duties_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        split_by_speaker(_utterances(), ["theo", "ada"], 0.1, 0, validation_speakers=["ada", "zoe"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "test_speakers: no speaker 'theo'; the speakers are ada, bob, eve" in lines[0]
    assert "validation_speakers: no speaker 'zoe'" in lines[1]
    assert "'ada' is named for test and for validation" in lines[2]
    with pytest.raises(ConfigError, match="the speakers are none: the recordings name no speakers"):
        split_by_speaker(_utterances([None]), ["ada"], 0.1, 0)


def test_nobody_left_to_train_on() -> None:
    with pytest.raises(ConfigError, match="nobody is left to train on: the speakers are ada, bob, eve"):
        split_by_speaker(_utterances(), ["ada", "bob", "eve"], 0.1, 0)
