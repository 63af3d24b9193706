"""What is found in the classes and captions of a whole dataset."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.data.example import AnyExample, AudioInput, Captions, Example, Label, Labels, Split, Target
from engine.data.report import Finding
from engine.data.targets import TARGETS
from engine.data.validation.config import ValidationConfig
from engine.data.validation.target_checks import DATASET_CHECKS

Given = tuple[Target, Split | None, int]
"""A target, its split and the number of its items."""


def _findings(*given: Given) -> list[Finding]:
    checks = DATASET_CHECKS[given[0][0].type](ValidationConfig())
    for target, split, count in given:
        for _ in range(count):
            example: AnyExample = Example("a", AudioInput("a.wav", 0.0, 1.0), target, None, split)
            checks.add(example)
    return list(checks.findings())


def _reasons(code: str, *given: Given) -> list[str]:
    return [finding.reason for finding in _findings(*given) if finding.code == code]


def _label(name: str, count: int = 20, split: Split | None = None) -> Given:
    return Label(name), split, count


def _caption(text: str | Sequence[str], split: Split | None = None) -> Given:
    return Captions((text,) if isinstance(text, str) else tuple(text)), split, 1


# ---- classes ------------------------------------------------------------------------------------------------


def test_even_classes_of_some_size_raise_no_alarm() -> None:
    splits: tuple[Split, ...] = ("train", "validation", "test")
    assert not _findings(*(_label(name, 10, split) for name in ("dog", "cat", "x") for split in splits))


def test_a_class_with_few_examples() -> None:
    assert _reasons("few_examples", _label("dog"), _label("cat", 9), _label("emu", 10), _label("x", 2)) == [
        "2 of 4 classes have fewer than 10 examples: 'x' (2), 'cat' (9)"
    ]


def test_classes_of_uneven_size() -> None:
    assert _reasons("imbalance", _label("dog", 101), _label("cat", 10)) == [
        "the class 'dog' has 101 items and 'cat' has 10; allowed: up to 10 times as many"
    ]
    assert not _reasons("imbalance", _label("dog", 100), _label("cat", 10))


def test_a_single_class() -> None:
    assert _reasons("few_classes", _label("dog")) == ["all items have the class 'dog'; needed: two classes and more"]


def test_sets_of_labels_count_each_label() -> None:
    assert (
        _reasons(
            "few_examples", (Labels(("dog", "rain")), None, 12), (Labels(("dog",)), None, 3), (Labels(()), None, 1)
        )
        == []
    )
    assert _reasons("few_examples", (Labels(("dog", "rain")), None, 9), (Labels(("dog",)), None, 3)) == [
        "1 of 2 classes have fewer than 10 examples: 'rain' (9)"
    ]


def test_a_class_in_one_split_only() -> None:
    given = (
        _label("dog", 20, "train"),
        _label("cat", 20, "train"),
        _label("dog", 5, "test"),
        _label("emu", 15, "test"),
    )
    assert _reasons("label_in_one_split", *given) == [
        "1 classes are in test and not in train: 'emu' (15)",
        "1 classes are in train and not in test: 'cat' (20)",
    ]


def test_without_a_split_for_training_none_is_missed() -> None:
    assert not _reasons("label_in_one_split", _label("dog", 20, "test"), _label("cat"))


@pytest.mark.parametrize(
    ("one", "other"),
    [("Dog", "dog"), ("fire_engine", "fire engine"), ("café", "Cafe"), ("dogs", "dog"), ("sea waves", "sea wave")],
)
def test_names_of_classes_that_may_be_one(one: str, other: str) -> None:
    (reason,) = _reasons("similar_labels", _label(one), _label(other), _label("rain"))
    assert repr(one) in reason and repr(other) in reason and "rain" not in reason


def test_a_rare_slip_of_the_pen() -> None:
    (reason,) = _reasons("similar_labels", _label("rooster", 40), _label("roster", 2), _label("rain"))
    assert "'rooster' (40), 'roster' (2)" in reason


@pytest.mark.parametrize(
    ("one", "other"),
    [("cat", "car"), ("bass", "bas"), ("close", "clone"), ("class10", "class11"), ("up", "ups")],
    ids=["short", "ss", "both frequent", "numbers", "very short"],
)
def test_names_of_different_classes(one: str, other: str) -> None:
    rare = 2 if one == "class10" else 20
    assert not _reasons("similar_labels", _label(one, rare), _label(other, 20))


# ---- captions -----------------------------------------------------------------------------------------------


def test_different_captions_raise_no_alarm() -> None:
    assert not _findings(
        _caption(["a dog barks in the yard", "barking"]),
        _caption("a cat barks in the yard"),  # short: the one word is the difference
        _caption(["rain falls", "rain falls hard"]),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A dog barks.", "a dog barks"),
        ("birds sing while a man talks", "a man talks while birds sing"),
        ("a dog barks loudly while some birds sing nearby", "the dog barks loudly while some birds sing nearby"),
    ],
    ids=["case", "order", "one word of nine"],
)
def test_captions_of_several_recordings_that_are_nearly_the_same(one: str, other: str) -> None:
    (reason,) = _reasons("similar_captions", _caption(one), _caption(other), _caption("rain"))
    assert reason == f"2 of 3 items have nearly the same caption as another one: {one!r} (2 items); usual: none"


def test_captions_of_one_recording_may_be_alike() -> None:
    assert not _findings(_caption(["birds sing while a man talks", "a man talks while birds sing"]), _caption("rain"))


def test_captions_of_training_that_are_tested() -> None:
    given = (_caption("a dog barks", "train"), _caption("A dog barks", "test"), _caption("rain", "test"))
    assert _reasons("similar_captions", *given)[1:] == [
        "1 items of validation and test have nearly the same caption as one of train"
    ]
    assert len(_reasons("similar_captions", _caption("a dog", "test"), _caption("a dog", "validation"))) == 1


def test_every_type_has_checks() -> None:
    assert set(DATASET_CHECKS) == set(TARGETS)
