"""A task measures what its config lists: functions of the registry, and what it counts itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from engine.config.tasks.audio_classification import AudioClassificationConfig
from engine.config.tasks.captioning import CaptioningConfig
from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.data.example import AnyExample, AudioInput, Captions, Example, Label, Labels, Target, make_utterance
from engine.metrics.answers import exact_match, token_f1
from engine.metrics.bleu import bleu
from engine.metrics.cider import cider_d
from engine.metrics.registry import METRICS, Metric
from engine.metrics.rouge_l import rouge_l
from engine.tasks.build import build_task

TEXTS = ["a dog barks twice", "rain falls on a roof"]


def examples(*targets: Target) -> list[AnyExample]:
    return [Example(f"e{number}", AudioInput("a.wav", 0.0, 1.0), target) for number, target in enumerate(targets)]


def longest(references: Sequence[Any], predictions: Sequence[Any]) -> float:
    """A metric that only this test knows: words of the longest prediction."""
    return float(max(len(text.split()) for text in predictions))


@pytest.fixture
def new_metric(monkeypatch: pytest.MonkeyPatch) -> str:
    """A metric that is registered for the test."""
    metric = Metric("longest", "Longest", "words", "higher", "score", f"{__name__}:longest")
    monkeypatch.setitem(METRICS, "longest", metric)  # type: ignore[arg-type]
    return metric.name


def test_captions_are_measured_by_every_listed_metric() -> None:
    captions = ("a dog is barking", "a dog barks"), ("it rains", "rain falls on the roof")
    references = [list(each) for each in captions]
    assert build_task(CaptioningConfig()).score(examples(*map(Captions, captions)), TEXTS) == {
        "cider": cider_d(references, TEXTS),
        "bleu": bleu(references, TEXTS),
        "rouge_l": rouge_l(references, TEXTS),
        "exact_match": exact_match(references, TEXTS),
        "token_f1": token_f1(references, TEXTS),
    }


def test_a_text_metric_needs_its_entry_and_its_name_in_the_list(
    new_metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioned = examples(*(Captions((text,)) for text in TEXTS))
    spoken = [make_utterance(f"u{number}", "a.wav", 0.0, 1.0, text) for number, text in enumerate(TEXTS)]
    for config, own in ((CaptioningConfig(), captioned), (SpeechToTextConfig(), spoken)):
        assert new_metric not in build_task(config).score(own, TEXTS)
        monkeypatch.setattr(type(config), "metrics", (*config.metrics, new_metric))
        values = build_task(config).score(own, TEXTS)
        assert values.keys() == set(config.metrics)
        assert values[new_metric] == 5.0
        assert values.get("wer", 0.0) == 0.0


def test_without_examples_nothing_but_counts_is_measured(new_metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpeechToTextConfig, "metrics", ("wer", "cer", new_metric))
    assert build_task(SpeechToTextConfig()).score([], []) == {"wer": 0.0, "cer": 0.0}
    assert build_task(CaptioningConfig()).score([], []) == {}


def test_classes_are_measured_by_the_metrics_of_one_label_or_of_several() -> None:
    single = build_task(AudioClassificationConfig())
    answers: list[Any] = [{"label": "dog"}, {"label": "dog"}]
    assert single.score(examples(Label("dog"), Label("rain")), answers) == {"accuracy": 0.5, "macro_f1": 1 / 3}
    several = build_task(AudioClassificationConfig(multi_label=True))
    answers = [
        {"labels": ["dog"], "scores": {"dog": 0.9, "rain": 0.2}},
        {"labels": ["dog"], "scores": {"dog": 0.6, "rain": 0.4}},
    ]
    assert several.score(examples(Labels(("dog",)), Labels(("dog", "rain"))), answers) == {
        "accuracy": 0.5,
        "macro_f1": 0.5,
        "micro_f1": 0.8,
        "mean_average_precision": 1.0,
    }


def test_classes_that_the_model_does_not_know_are_ranked_as_by_chance() -> None:
    several = build_task(AudioClassificationConfig(multi_label=True))
    answers: list[Any] = [
        {"labels": ["dog"], "scores": {"dog": 0.9}},
        {"labels": [], "scores": {"dog": 0.1}},
        {"labels": [], "scores": {"dog": 0.2}},
        {"labels": [], "scores": {"dog": 0.3}},
    ]
    values = several.score(examples(Labels(("dog",)), Labels(("rain",)), Labels(()), Labels(())), answers)
    assert values["mean_average_precision"] == (1.0 + 0.25) / 2
    assert values["accuracy"] == 0.75


def test_without_a_label_there_is_no_average_precision() -> None:
    several = build_task(AudioClassificationConfig(multi_label=True))
    values = several.score(examples(Labels(())), [{"labels": [], "scores": {"dog": 0.2}}])
    assert values.keys() == {"accuracy", "macro_f1", "micro_f1"}
