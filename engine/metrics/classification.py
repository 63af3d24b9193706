"""Accuracy, precision, recall and F1 of predicted classes, one or several per example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from statistics import fmean

from engine.metrics.pairs import check_pairs

Classes = str | Set[str]
"""The class of an example, or the set of its classes."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Counts of one class over examples, and the scores that follow from them. A score of 0 over 0 is 0."""

    right: int
    """Examples that have the class and are predicted to have it."""
    support: int
    """Examples that have the class."""
    predicted: int
    """Examples that are predicted to have the class."""

    @property
    def precision(self) -> float:
        """Share of the predictions of the class that are right."""
        return self.right / max(self.predicted, 1)

    @property
    def recall(self) -> float:
        """Share of the class's examples that are found."""
        return self.right / max(self.support, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / max(self.support + self.predicted, 1)


def accuracy(references: Sequence[Classes], predictions: Sequence[Classes]) -> float:
    """Share of examples with the right class. With sets: subset accuracy, where every class of the set must be right.

    Raises:
        ValueError: no examples, or another number of predictions than of references.
    """
    check_pairs(references, predictions)
    return fmean(_set(r) == _set(p) for r, p in zip(references, predictions, strict=True))


def class_scores(references: Sequence[Classes], predictions: Sequence[Classes]) -> dict[str, ClassScore]:
    """Precision, recall, F1 and support of each class that occurs in references or predictions, in order of name.

    Raises:
        ValueError: no examples, or another number of predictions than of references.
    """
    check_pairs(references, predictions)
    pairs = [(_set(r), _set(p)) for r, p in zip(references, predictions, strict=True)]
    right = Counter(name for r, p in pairs for name in r & p)
    support = Counter(name for r, _ in pairs for name in r)
    predicted = Counter(name for _, p in pairs for name in p)
    names = sorted(support.keys() | predicted.keys())
    return {name: ClassScore(right[name], support[name], predicted[name]) for name in names}


def macro_f1(references: Sequence[Classes], predictions: Sequence[Classes]) -> float:
    """Unweighted mean of F1 over the classes that occur in references or predictions; 0 if none occurs.

    A class without reference that is predicted counts with F1 = 0. A class that occurs in neither does not count, so
    the value does not depend on how many classes the model knows.

    Raises:
        ValueError: no examples, or another number of predictions than of references.

    Source: as scikit-learn's `f1_score(average="macro", zero_division=0)`, which the test compares with. Given a matrix
    of 0 and 1, that function counts also columns without any 1.
    """
    scores = class_scores(references, predictions).values()
    return fmean(score.f1 for score in scores) if scores else 0.0


def micro_f1(references: Sequence[Classes], predictions: Sequence[Classes]) -> float:
    """F1 of all decisions together, so frequent classes weigh more. With one class per example it equals accuracy.

    Raises:
        ValueError: no examples, or another number of predictions than of references.

    Source: as scikit-learn's `f1_score(average="micro", zero_division=0)`.
    """
    scores = class_scores(references, predictions).values()
    return ClassScore(
        right=sum(score.right for score in scores),
        support=sum(score.support for score in scores),
        predicted=sum(score.predicted for score in scores),
    ).f1


def _set(classes: Classes) -> Set[str]:
    return {classes} if isinstance(classes, str) else classes
