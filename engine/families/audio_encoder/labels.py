"""The labels of examples: which ones a head must give, and how much each counts in training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.tasks.audio_classification import AudioClassificationConfig
from engine.data.example import AnyExample
from engine.families.contract import TargetSpace
from engine.tasks.audio_classification import labels_of


def label_space(training: Sequence[AnyExample], task: AudioClassificationConfig) -> TargetSpace:
    """The labels that the config fixes, else all of the training examples, sorted."""
    if task.labels is not None:
        return TargetSpace(labels=tuple(task.labels))
    return TargetSpace(labels=tuple(sorted({label for example in training for label in labels_of(example)})))


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """Factors on the loss, in the order of the labels."""

    present: tuple[float, ...]
    """Factor where the label is right."""
    absent: tuple[float, ...]
    """Factor where it is wrong; used only if a recording may have several labels."""


def balanced_weights(
    training: Sequence[AnyExample], labels: Sequence[str], task: AudioClassificationConfig
) -> ClassWeights | None:
    """Weights n / (classes x count) from the training examples; None if the config wants none.

    Classes without an example do not count, so that the mean weight over the training examples is 1: the loss keeps its
    scale. If a recording may have several labels, each has the two classes yes and no.

    Args:
        training: the training examples of the whole run, on every worker.
        labels: of the model.
        task: the config.

    Source: `compute_class_weight("balanced")` of scikit-learn, after King and Zeng 2001.
    """
    if task.class_weights == "none":
        return None
    found = Counter(label for example in training for label in labels_of(example))
    counts = [found[label] for label in labels]
    if task.multi_label:
        total = len(training)
        pairs = [_balanced([count, total - count]) for count in counts]
        return ClassWeights(tuple(yes for yes, _ in pairs), tuple(no for _, no in pairs))
    return ClassWeights(tuple(_balanced(counts)), (1.0,) * len(counts))


def _balanced(counts: Sequence[int]) -> list[float]:
    classes = sum(count > 0 for count in counts)
    return [sum(counts) / (classes * count) if count else 1.0 for count in counts]
