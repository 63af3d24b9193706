"""Splits: nobody who is tested on was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from engine.data.example import Split, Utterance, make_utterance
from engine.data.splits import Splits, split_by_group
from engine.errors import ConfigError


def _utterances(
    speakers: Sequence[str | None] = ("ada", "bob", "eve"), texts: int = 10, takes: int = 10
) -> list[Utterance]:
    cells = [(speaker, text, take) for speaker in speakers for text in range(texts) for take in range(takes)]
    return [
        make_utterance(f"{text}_{speaker}_{take}", "audio/00000.wav", i * 0.5, 0.5, str(text), speaker)
        for i, (speaker, text, take) in enumerate(cells)
    ]


def _with_split(utterance: Utterance, split: Split) -> Utterance:
    return make_utterance(utterance.id, utterance.input.audio, utterance.input.start_s, utterance.input.duration_s, utterance.target.text,
                     utterance.group, split)  # fmt: skip


def _ids(utterances: list[Utterance]) -> set[str]:
    return {u.id for u in utterances}


def _speakers(utterances: list[Utterance]) -> set[str | None]:
    return {u.group for u in utterances}


def _assert_disjoint(splits: Splits) -> None:
    segments = Counter(
        (u.input.audio, u.input.start_s) for part in (splits.train, splits.validation, splits.test) for u in part
    )
    assert set(segments.values()) <= {1}


def test_named_speakers_are_held_out() -> None:
    splits = split_by_group(_utterances(), ["eve"], 0.1, seed=0)
    assert _speakers(splits.test) == {"eve"}
    assert _speakers(splits.train) == _speakers(splits.validation) == {"ada", "bob"}
    assert splits.counts() == {"train": 180, "validation": 20, "test": 100}
    _assert_disjoint(splits)


def test_by_default_one_speaker_is_kept_out_the_same_one_each_time() -> None:
    kept_out = set()
    for seed in range(20):
        splits = split_by_group(_utterances(), [], 0.1, seed)
        assert splits == split_by_group(_utterances(), [], 0.1, seed)
        assert len(_speakers(splits.test)) == 1
        assert not _speakers(splits.test) & _speakers(splits.train + splits.validation)
        kept_out |= _speakers(splits.test)
    assert kept_out == {"ada", "bob", "eve"}


@pytest.mark.parametrize("speakers", [[None], ["ada"]])
def test_without_speakers_a_tenth_is_tested_on(speakers: list[str | None]) -> None:
    splits = split_by_group(_utterances(speakers), [], 0.1, seed=1)
    assert splits.counts() == {"train": 81, "validation": 9, "test": 10}
    assert len({u.target.text for u in splits.test}) == 10
    _assert_disjoint(splits)


def test_validation_is_spread_over_texts_and_speakers() -> None:
    splits = split_by_group(_utterances(), ["eve"], 0.1, seed=3)
    assert set(Counter((u.target.text, u.group) for u in splits.validation).values()) == {1}


def test_validation_speakers() -> None:
    splits = split_by_group(_utterances(), ["eve"], 0.1, 0, validation_groups=["bob"])
    assert (_speakers(splits.train), _speakers(splits.validation), _speakers(splits.test)) == (
        {"ada"},
        {"bob"},
        {"eve"},
    )
    assert split_by_group(_utterances(), ["eve"], 0.0, 0).validation == []


def test_the_split_of_the_manifest_wins() -> None:
    plain = _utterances()
    declared: tuple[Split, ...] = ("test", "validation", "train")
    marked = [_with_split(u, declared[i % 3]) for i, u in enumerate(plain)]
    splits = split_by_group(marked, [], 0.5, seed=0)
    for name, part in (("train", splits.train), ("validation", splits.validation), ("test", splits.test)):
        assert {u.split for u in part} == {name}
        assert len(part) == 100


def test_the_same_audio_is_never_in_two_splits() -> None:
    plain = _utterances()
    again = [
        make_utterance(f"again-{u.id}", u.input.audio, u.input.start_s + 0.1, 0.2, "again", "mal" if i % 2 else None)
        for i, u in enumerate(plain)
    ]
    splits = split_by_group(plain + again, ["eve"], 0.1, seed=0)

    def seconds(part: list[Utterance]) -> set[int]:
        return {int(u.input.start_s * 2 + 1e-6) for u in part}

    assert len(splits.test) == 100
    assert not seconds(splits.train) & seconds(splits.test)
    assert not seconds(splits.train) & seconds(splits.validation)
    assert not seconds(splits.validation) & seconds(splits.test)
    assert len(splits.train) > 300  # neighbours in a shard share nothing


def test_unknown_speakers_and_two_duties_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        split_by_group(_utterances(), ["theo", "ada"], 0.1, 0, validation_groups=["ada", "zoe"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "test_groups: no group 'theo'; the groups are ada, bob, eve" in lines[0]
    assert "validation_groups: no group 'zoe'" in lines[1]
    assert "'ada' is named for test and for validation" in lines[2]
    with pytest.raises(ConfigError, match="the groups are none: the examples name no groups"):
        split_by_group(_utterances([None]), ["ada"], 0.1, 0)


def test_nobody_left_to_train_on() -> None:
    with pytest.raises(ConfigError, match="no examples are left to train on: the groups are ada, bob, eve"):
        split_by_group(_utterances(), ["ada", "bob", "eve"], 0.1, 0)


# ---- speakers who are unevenly large ----------------------------------------------------------------------


def _uneven(**counts: int) -> list[Utterance]:
    """So many utterances of each speaker; `nobody` is a speaker who is not known."""
    speakers = [None if name == "nobody" else name for name, count in counts.items() for _ in range(count)]
    return [make_utterance(f"u{i}", "a.wav", i * 0.5, 0.5, str(i % 10), name) for i, name in enumerate(speakers)]


@pytest.mark.parametrize("seed", range(10))
def test_the_main_speaker_is_trained_on(seed: int) -> None:
    splits = split_by_group(_uneven(george=27, lucas=3), [], 0.0, seed)
    assert _speakers(splits.test) == {"lucas"}
    assert splits.counts() == {"train": 27, "validation": 0, "test": 3}
    assert splits.warnings == ()


@pytest.mark.parametrize("seed", range(10))
def test_between_two_large_speakers_the_smaller_is_kept_out(seed: int) -> None:
    splits = split_by_group(_uneven(ada=70, bob=130), [], 0.0, seed)
    assert _speakers(splits.test) == {"ada"}


@pytest.mark.parametrize("seed", range(10))
def test_of_many_small_speakers_several_are_kept_out(seed: int) -> None:
    small = {f"s{i:03}": 1 + i % 3 for i in range(100)}
    splits = split_by_group(_uneven(main=200, **small), [], 0.0, seed)
    assert "main" in _speakers(splits.train)
    assert 0.1 * 399 <= len(splits.test) <= 0.2 * 399
    assert not _speakers(splits.test) & _speakers(splits.train)
    assert splits == split_by_group(_uneven(main=200, **small), [], 0.0, seed)
    assert splits.warnings == ()


def test_several_are_drawn_by_the_seed() -> None:
    utterances = _uneven(**{f"s{i:03}": 5 for i in range(60)})
    drawn = {frozenset(u.group for u in split_by_group(utterances, [], 0.0, seed).test) for seed in range(8)}
    assert {len(speakers) for speakers in drawn} == {6}
    assert len(drawn) == 8


def test_beside_one_speaker_the_others_are_too_few_to_test_on() -> None:
    splits = split_by_group(_uneven(george=97, lucas=2, theo=1), [], 0.0, seed=0)
    assert splits.counts() == {"train": 90, "validation": 0, "test": 10}
    [warning] = splits.warnings
    assert " of 10 test examples are of groups that are trained on too (george" in warning
    assert "split.test_groups" in warning


def test_voices_that_are_not_known_are_said() -> None:
    [one] = split_by_group(_uneven(ada=40), [], 0.0, seed=0).warnings
    assert "4 of 4 test examples are of groups that are trained on too (ada)" in one
    [none] = split_by_group(_uneven(nobody=40), [], 0.0, seed=0).warnings
    assert "the groups of 4 of 4 test examples are not known, and may be trained on too" in none
    [some] = split_by_group(_uneven(ada=10, bob=10, nobody=80), [], 0.0, seed=0).warnings
    assert "the groups of 80 of 90 training examples are not known, and may be those that are tested on" in some


def test_few_that_are_left_to_train_on_are_said() -> None:
    [warning] = split_by_group(_uneven(ada=3, bob=27), ["bob"], 0.0, seed=0).warnings
    assert warning.startswith("only 3 of 30 examples are left to train on (27 are tested on, 0 validated on); ")
    assert split_by_group(_uneven(ada=6, bob=24), ["bob"], 0.0, seed=0).warnings == ()


def test_a_validation_speaker_is_never_drawn_for_the_test() -> None:
    for seed in range(10):
        splits = split_by_group(_uneven(ada=10, bob=10, eve=10), [], 0.0, seed, validation_groups=["ada"])
        assert _speakers(splits.validation) == {"ada"}
        assert _speakers(splits.test) in ({"bob"}, {"eve"})


def test_splits_of_the_manifest_without_a_test_are_said() -> None:
    marked = [_with_split(u, "validation" if i % 5 == 0 else "train") for i, u in enumerate(_uneven(ada=10, bob=10))]
    splits = split_by_group(marked, [], 0.0, seed=0)
    assert splits.counts() == {"train": 16, "validation": 4, "test": 0}
    [warning] = splits.warnings
    assert warning.startswith("no example is tested on")


def test_what_is_neither_trained_nor_tested_on_is_said() -> None:
    marked = [_with_split(u, "test" if i % 10 == 0 else "train") for i, u in enumerate(_uneven(ada=20, bob=20))]
    splits = split_by_group(marked, ["bob"], 0.0, seed=0)
    assert splits.counts() == {"train": 18, "validation": 0, "test": 20}
    assert any(w.startswith("2 examples of the dataset's own test split are neither") for w in splits.warnings)
    overlapping = [*_uneven(ada=10, bob=10), make_utterance("x", "a.wav", 5.1, 0.2, "x", "ada")]
    shared = split_by_group(overlapping, ["bob"], 0.0, seed=0)
    assert shared.warnings == ("1 examples share audio with examples that are held out, and are not trained on",)


@pytest.mark.parametrize("declared", [("test",), ("validation",), ("validation", "test")])
def test_a_part_of_a_corpus_that_leaves_nothing_to_train_on_is_divided_anew(declared: tuple[Split, ...]) -> None:
    utterances = _utterances()
    part = [_with_split(u, declared[i % len(declared)]) for i, u in enumerate(utterances)]
    plain, anew = split_by_group(utterances, [], 0.1, seed=0), split_by_group(part, [], 0.1, seed=0)
    assert [_ids(getattr(anew, name)) for name in ("train", "validation", "test")] == [
        _ids(getattr(plain, name)) for name in ("train", "validation", "test")
    ]
    assert "it is divided anew here" in anew.warnings[0]
    assert _speakers(split_by_group(part, ["eve"], 0.1, seed=0).test) == {"eve"}


def test_a_part_of_a_corpus_with_something_to_train_on_is_kept() -> None:
    utterances = [_with_split(u, "test") for u in _utterances()[:-1]] + _utterances()[-1:]
    splits = split_by_group(utterances, [], 0.0, seed=0)
    assert splits.counts() == {"train": 1, "validation": 0, "test": 299}
