"""The labels of a dataset, their weights, and the task's config."""

from __future__ import annotations

import pytest

from engine.config.base import parse
from engine.config.tasks.audio_classification import AudioClassificationConfig
from engine.data.example import AudioInput, Example, Label, Labels
from engine.errors import ConfigError
from engine.families.audio_encoder.labels import balanced_weights, label_space

_AUDIO = AudioInput("a.wav", 0.0, 1.0)
SINGLE = [Example(str(i), _AUDIO, Label(label)) for i, label in enumerate("bbbbbbac")]
SEVERAL = [Example(str(i), _AUDIO, Labels(tuple(labels))) for i, labels in enumerate(["ab", "a", "", "a"])]


def test_the_labels_are_those_of_the_training_examples_or_of_the_config() -> None:
    assert label_space(SINGLE, AudioClassificationConfig()).labels == ("a", "b", "c")
    assert label_space(SEVERAL, AudioClassificationConfig(multi_label=True)).labels == ("a", "b")
    assert label_space(SINGLE, AudioClassificationConfig(labels=["z", "a"])).labels == ("z", "a")


def test_balanced_weights_are_n_over_classes_times_count() -> None:
    task = AudioClassificationConfig(class_weights="balanced")
    weights = balanced_weights(SINGLE, ("a", "b", "c"), task)
    assert weights is not None
    assert weights.present == pytest.approx((8 / 3, 8 / 18, 8 / 3))
    assert sum(weights.present["abc".index(e.target.label)] for e in SINGLE) == pytest.approx(8)
    unseen = balanced_weights(SINGLE, ("a", "b", "c", "d"), task)
    assert unseen is not None
    assert unseen.present == pytest.approx((8 / 3, 8 / 18, 8 / 3, 1.0))
    assert balanced_weights(SINGLE, ("a", "b", "c"), AudioClassificationConfig()) is None


def test_each_of_several_labels_balances_yes_and_no() -> None:
    task = AudioClassificationConfig(class_weights="balanced", multi_label=True)
    weights = balanced_weights(SEVERAL, ("a", "b", "c"), task)
    assert weights is not None
    # a: 3 of 4 examples; b: 1 of 4; c: none, so that there is nothing to balance.
    assert weights.present == pytest.approx((4 / 6, 4 / 2, 1.0))
    assert weights.absent == pytest.approx((4 / 2, 4 / 6, 1.0))


def test_a_config_that_makes_no_sense_is_refused() -> None:
    for values, message in [
        ({"labels": ["a", "b", "a"]}, "labels: found 'a' more than once"),
        ({"labels": ["a"]}, "labels: found only 'a'"),
        ({"labels": []}, "labels: .*at least 1 item"),
        ({"threshold": 1.5}, "threshold: .*less than or equal to 1"),
        ({"class_weights": "some"}, "class_weights"),
        ({"other": 1}, "other: no such field"),
    ]:
        with pytest.raises(ConfigError, match=message):
            parse(AudioClassificationConfig, values)
    assert AudioClassificationConfig(labels=["a"], multi_label=True).threshold == 0.5
